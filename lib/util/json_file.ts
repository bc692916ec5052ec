/**
 * Files of JSON from outside: read whole, within bounds, with typed errors; and what a schema finds wrong
 * with them. What they should say stands where it is needed.
 */

import * as v from "valibot";
import type { Fault } from "./errors.ts";
import { readTextAs } from "./read_file.ts";
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

/** What checks want that say only what they found. */
const WANTED: Readonly<Record<string, string>> = {
  integer: "a whole number",
  safe_integer: "a whole number below 2⁵³",
  finite: "a finite number",
  parse_json: "JSON",
};

/** The field at fault, its value and what the schema expected, of the first of `issues`. */
export function firstIssue(
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
): Pick<Fault, "option" | "value" | "expected"> {
  const [issue] = issues;
  const field = issue.path?.at(-1)?.key;
  const isMissing = issue.input === undefined;
  return {
    option: v.getDotPath(issue) ?? undefined,
    value: isMissing ? "nothing" : issue.input,
    expected: isMissing && issue.expected === JSON.stringify(field)
      ? "a value"
      : issue.expected === "never"
      ? issue.type === "strict_object" ? "no field of this name" : issue.message
      : issue.expected ?? WANTED[issue.type] ?? issue.message,
  };
}
