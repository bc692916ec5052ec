/** Data as text that is the same for equal content, and digests of text. */

import { createHash } from "node:crypto";

/**
 * JSON with the names of every object in order, so that equal content gives equal text.
 *
 * @param indent spaces a level, each value on a line of its own; default: one line of all.
 */
export function canonical(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, each) =>
      each && typeof each === "object" && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => a < b ? -1 : 1))
        : each,
    indent,
  );
}

/**
 * SHA-256 of text, in hexadecimal digits.
 *
 * @example
 * ```ts
 * import { sha256 } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.match(sha256(""), /^e3b0c44298fc1c14/);
 * ```
 */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
