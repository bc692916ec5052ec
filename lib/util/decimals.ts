/** Numbers as words and tables show them. */

/** A number with so many decimals, and a minus sign (not a hyphen) only where a digit is left below zero. */
export function decimals(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}
