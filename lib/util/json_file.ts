/** Files of JSON from outside: read whole, within bounds, with typed errors. What they mean is checked elsewhere. */

import { readTextAs } from "./files.ts";
import { checkRegularFile, type ErrorClass } from "./regular_file.ts";

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
  const text = await readTextAs(path, Kind, expected);
  try {
    return { json: JSON.parse(text), text };
  } catch (cause) {
    const value = (cause as Error).message;
    throw new Kind({ problem: "cannot be read", file: path, value, expected, cause });
  }
}
