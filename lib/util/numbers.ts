/** Numbers as words and tables show them. */

/** A number with so many decimals, and a minus sign (not a hyphen) only where a digit is left below zero. */
export function decimals(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** Powers of ten up to which a number is written out. */
const WRITTEN_OUT = 9;

/**
 * A number rounded to significant digits: `0.01234`, `27160`, `1.200e−7`. Zeros at the end stay, for
 * they count.
 *
 * @example
 * ```ts
 * import { significant } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(significant(27160.4), "27160");
 * assert.equal(significant(-1.06, 2), "−1.1");
 * ```
 */
export function significant(value: number, digits = 4): string {
  const text = value.toPrecision(digits);
  const power = Number(text.split("e")[1] ?? 0);
  const written = power > 0 && power <= WRITTEN_OUT ? Number(text).toFixed(0) : text;
  return written.replaceAll("-", "−");
}
