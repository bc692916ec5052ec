/** Reading whole files with typed errors. Not here: what they say. */

import { fileFault } from "./file_fault.ts";
import { checkIsFile, type ErrorClass } from "./regular_file.ts";

/**
 * Reads a file.
 *
 * @param Kind class of the error if it cannot be read.
 * @param expected what the file should be.
 * @returns its bytes; `undefined` if there is no such file.
 */
export async function readFileIfThere(
  path: string,
  Kind: ErrorClass,
  expected: string,
): Promise<Uint8Array | undefined> {
  const stat = await Deno.stat(path).catch(() => null);
  if (stat) checkIsFile(stat, path, Kind, expected);
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Kind({
      problem: "cannot be read",
      file: path,
      ...fileFault(error as Error, expected),
    });
  }
}

/**
 * Reads a file that must be there as text.
 *
 * @throws an error of class `Kind` if it is not there, cannot be read or is not UTF-8.
 */
export async function readTextAs(
  path: string,
  Kind: ErrorClass,
  expected: string,
): Promise<string> {
  const bytes = await readFileIfThere(path, Kind, expected);
  if (!bytes) throw new Kind({ problem: "is not there", file: path, expected });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Kind({ problem: "is not text in UTF-8", file: path, expected, cause });
  }
}
