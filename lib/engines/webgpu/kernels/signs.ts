/** WGSL of the sign of a number. */

/** −1 or +1 as `x` is negative or positive; `zero` of a zero, whatever its own sign. */
export function signText(x: string, zero: 0 | 1): string {
  return zero === 0 ? `sign(${x})` : `select(1.0, -1.0, ${x} < 0.0)`;
}
