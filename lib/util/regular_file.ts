/**
 * Whether a path is a file that can be read to its end: opening a pipe waits for a writer, and a device
 * may never end. Not here: texts, which may come through a pipe.
 */

import type { Fault, InputError } from "./errors.ts";
import { fileFault } from "./file_fault.ts";

/** The class of error to throw about a file. */
export type ErrorClass = new (fault: Fault) => InputError;

/** Names of standard input, which Deno reads and looks at by no path. */
export const standardInput = new Set(["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]);

/**
 * Checks, before a file is opened, that it is one; a link to a file is.
 *
 * @param Kind class of the error.
 * @param expected what the file should be.
 * @returns its size in bytes.
 * @throws an error of class `Kind` if it is missing, a folder, pipe, socket or device.
 */
export async function checkRegularFile(
  path: string,
  Kind: ErrorClass,
  expected: string,
): Promise<number> {
  const stat = await Deno.stat(path).catch((error) => {
    throw new Kind({ problem: "cannot be read", file: path, ...fileFault(error, expected) });
  });
  checkIsFile(stat, path, Kind, expected);
  return stat.size;
}

/** As {@linkcode checkRegularFile}, of a path that was looked at. */
export function checkIsFile(
  stat: Deno.FileInfo,
  path: string,
  Kind: ErrorClass,
  expected: string,
  problem = "cannot be read",
): void {
  if (stat.isFile) return;
  const value = stat.isDirectory
    ? "it is a folder"
    : stat.isFifo
    ? "it is a pipe"
    : stat.isSocket
    ? "it is a socket"
    : "it is a device";
  throw new Kind({ problem, file: path, value, expected });
}

/**
 * Whether something stands at a path. So do a link that leads nowhere, and what cannot be looked at:
 * opening it says why it cannot be read.
 */
export async function isTaken(path: string): Promise<boolean> {
  const { NotADirectory, NotFound } = Deno.errors;
  return await Deno.lstat(path).then(
    () => true,
    (error) => !(error instanceof NotFound || error instanceof NotADirectory),
  );
}
