/**
 * Half-precision numbers the slow way: values from the definition of each format, rounding by comparing
 * distances. What the fast conversions are held against.
 */

interface Format {
  readonly exponentBits: number;
  readonly mantissaBits: number;
}

const FORMATS = {
  F16: { exponentBits: 5, mantissaBits: 10 },
  BF16: { exponentBits: 8, mantissaBits: 7 },
} as const satisfies Record<string, Format>;

/** The number that 16 bits stand for. */
export function plainDecode(bits: number, type: keyof typeof FORMATS): number {
  const { exponentBits, mantissaBits } = FORMATS[type];
  const sign = bits >> 15 & 1 ? -1 : 1;
  const exponent = bits >> mantissaBits & (1 << exponentBits) - 1;
  const fraction = (bits & (1 << mantissaBits) - 1) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === (1 << exponentBits) - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** Bits of the format's number nearest to `value`, which is not NaN; of two as near, the even one. */
export function plainEncode(value: number, type: keyof typeof FORMATS): number {
  const { exponentBits, mantissaBits } = FORMATS[type];
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const infinity = (1 << exponentBits) - 1 << mantissaBits;
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return sign | infinity;
  // Magnitudes grow with their bits; infinity stands where the next number would be.
  const magnitudeOf = (bits: number) =>
    bits === infinity ? 2 ** 2 ** (exponentBits - 1) : plainDecode(bits, type);
  let below = 0;
  let above = infinity;
  while (above - below > 1) {
    const middle = below + above >> 1;
    if (magnitudeOf(middle) <= magnitude) below = middle;
    else above = middle;
  }
  const distanceBelow = magnitude - magnitudeOf(below);
  const distanceAbove = magnitudeOf(above) - magnitude;
  const isTie = distanceBelow === distanceAbove;
  const goesUp = isTie ? below % 2 === 1 : distanceAbove < distanceBelow;
  return sign | (goesUp ? above : below);
}

/** The format's number nearest to `value`. */
export function plainRound(value: number, type: keyof typeof FORMATS): number {
  return plainDecode(plainEncode(value, type), type);
}
