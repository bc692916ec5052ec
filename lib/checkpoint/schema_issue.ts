/**
 * From what a schema finds wrong with a file's JSON to the parts of an error message.
 */

import * as v from "valibot";
import type { Fault } from "../errors.ts";

/** The field at fault, its value as JSON and what the schema expected, of the first of `issues`. */
export function firstIssue(
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
): Pick<Fault, "option" | "value" | "expected"> {
  const [issue] = issues;
  return {
    option: v.getDotPath(issue) ?? undefined,
    value: issue.input === undefined ? "nothing" : JSON.stringify(issue.input),
    expected: issue.expected ?? issue.message,
  };
}
