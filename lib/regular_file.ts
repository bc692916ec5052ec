/**
 * Whether a path is a file that can be read to its end: opening a pipe waits for a writer, and a device
 * may never end. Not here: texts, which may come through a pipe.
 */

import type { Fault, InputError } from "./errors.ts";

/** The class of error to throw about a file. */
export type ErrorClass = new (fault: Fault) => InputError;

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
  const stat = await Deno.stat(path).catch((cause) => {
    const value = (cause as Error).message;
    throw new Kind({ problem: "cannot be read", file: path, value, expected, cause });
  });
  if (stat.isFile) return stat.size;
  const value = stat.isDirectory
    ? "a folder"
    : stat.isFifo
    ? "a pipe"
    : stat.isSocket
    ? "a socket"
    : "a device";
  throw new Kind({ problem: "is not a file", file: path, value, expected });
}

/**
 * Reads a file of JSON.
 *
 * @param mostBytes what it can be at most: nothing larger is read.
 * @returns what it says, and its text.
 * @throws an error of class `Kind` if it is not a file, cannot be read, is too long or not JSON.
 */
export async function readJsonFile(
  path: string,
  Kind: ErrorClass,
  { mostBytes, expected }: { mostBytes: number; expected: string },
): Promise<{ json: unknown; text: string }> {
  const size = await checkRegularFile(path, Kind, expected);
  if (size > mostBytes) {
    const problem = `is longer than ${mostBytes} bytes`;
    throw new Kind({ problem, file: path, value: `${size} bytes`, expected });
  }
  try {
    const text = await Deno.readTextFile(path);
    return { json: JSON.parse(text), text };
  } catch (cause) {
    const value = (cause as Error).message;
    throw new Kind({ problem: "cannot be read", file: path, value, expected, cause });
  }
}
