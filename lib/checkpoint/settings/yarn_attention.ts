/** By how much YaRN lengthens cosines and sines, where a `config.json` does not say. */

/**
 * 0.1 · ln(factor) + 1 (Peng et al. 2023, eq. 22), or with both of DeepSeek's `mscale`, neither 0, the ratio
 * of two such, whose logarithms these multiply.
 */
export function yarnAttentionFactor(
  factor: number,
  mscale?: number | null,
  mscaleAllDim?: number | null,
): number {
  const lengthened = (by: number) => factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1;
  return mscale && mscaleAllDim ? lengthened(mscale) / lengthened(mscaleAllDim) : lengthened(1);
}
