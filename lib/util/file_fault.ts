/**
 * What the operating system refused, in words: why a file cannot be read or written, and what helps.
 * Not here: reading (`read_file.ts`) or writing (`files.ts`).
 */

import type { Fault } from "./errors.ts";

/** Why, and what was expected instead; of a refusal that has no better words, the system's own stand. */
const REFUSALS: Readonly<Record<string, readonly [why: string, expected?: string]>> = {
  ENOENT: ["there is no such file or folder"],
  ENOTDIR: ["a part of the path is a file, not a folder"],
  EISDIR: ["it is a folder", "a file"],
  EACCES: ["permission is denied", "a file and folders that this user may use"],
  EPERM: ["permission is denied", "a file and folders that this user may use"],
  EROFS: ["the file system is read-only", "a folder that can be written"],
  ENOSPC: ["no space is left on the disk", "free space"],
  EDQUOT: ["the user's share of the disk is used up", "free space"],
  EFBIG: ["it is larger than a file may be here", "a file system that takes large files"],
  EMFILE: ["too many files are open", "a higher limit on open files, see `ulimit -n`"],
  ENFILE: ["too many files are open", "fewer programs with open files on this machine"],
  ENAMETOOLONG: ["its name is too long", "a shorter name"],
  ELOOP: ["its symbolic links go round", "a link that leads to a file"],
  EIO: ["the disk failed (input/output error)", "a sound disk"],
};

/**
 * Whether an error is the operating system's, or Deno's on a missing permission.
 *
 * @example
 * ```ts
 * import { isFileSystemError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const error = await Deno.readTextFile("no/such/file").catch((error) => error);
 * assert.ok(isFileSystemError(error));
 * assert.ok(!isFileSystemError(new Error("of something else")));
 * ```
 */
export function isFileSystemError(error: unknown): error is Error {
  return error instanceof Error && ("code" in error || error.constructor.name in Deno.errors);
}

/**
 * The parts of a message on a file that cannot be read or written.
 *
 * @param expected what the file is for, where the refusal itself does not say what helps.
 */
export function fileFault(
  error: Error & { code?: unknown },
  expected: string,
): Pick<Fault, "value" | "expected" | "cause"> {
  const [why, helps] = REFUSALS[String(error.code)] ?? [error.message];
  return { value: why, expected: helps ?? expected, cause: error };
}
