/**
 * What all kernels of products share, however they cut the result into tiles: sizes, and the order of
 * summation. Terms are added one after the other within *stretches* of {@linkcode STRETCH} along the inner
 * axis, and the stretches' sums one after the other: a tile may then keep one set of sums in registers,
 * and stretches may be computed by different workgroups. Results are equal bit for bit whichever tile
 * computes them, so that the choice is free.
 */

/** Sizes of a product `[rows, inner] · [inner, columns]`. */
export interface ProductSizes {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** Terms that are added before their sum is added to that of the terms before; a multiple of 32. */
export const STRETCH = 1024;

/** Depth of the deepest blocks that are copied to workgroup memory; a multiple of that of others. */
export const DEEPEST = 16;

/** Numbers read at once. */
export const BLOCK = 4;

/** Stretches of an inner axis. */
export function stretchesOf({ inner }: Pick<ProductSizes, "inner">): number {
  return Math.ceil(inner / STRETCH);
}

/** `count` pieces of text, one after the other. */
export function repeat(count: number, line: (index: number) => string, separator = "\n"): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(separator);
}
