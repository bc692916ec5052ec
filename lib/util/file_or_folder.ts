/** Whether a path that may name either is a file or a folder. */

import { fileFault } from "./file_fault.ts";
import type { ErrorClass } from "./regular_file.ts";

/**
 * Whether there is a file at a path, and no folder; links are followed.
 *
 * @param expected what should be there, for the error.
 * @throws an error of class `Kind` if there is neither, or it cannot be looked at.
 */
export async function isFileAt(path: string, Kind: ErrorClass, expected: string): Promise<boolean> {
  const stat = await Deno.stat(path).catch((error) => {
    throw new Kind({ problem: "cannot be read", file: path, ...fileFault(error, expected) });
  });
  return !stat.isDirectory;
}
