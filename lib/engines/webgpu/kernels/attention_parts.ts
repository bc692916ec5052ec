/** How attention with caches is cut into parts, what a row sees of them, and how features are read together. */

import { GraphError } from "../../../util/errors.ts";
import type { Operand } from "../kernel.ts";
import { type CacheOperands, cellSizes } from "./cache_cells.ts";

/** Invocations of a workgroup. */
export const LANES = 64;
/** Parts that a ring is cut into, unless they are too long. */
const PARTS = 16;
/** Positions of a part at most: their weights have room in the least workgroup memory there is. */
const LONGEST_PART = 256;
/** Blocks of features that there is room for at least, so that one text serves most heads. */
export const USUAL_BLOCKS = 16;
/** Features of a head beyond which a workgroup has two heads of queries. */
export const WIDE_HEAD = 128;

/** Settings of the op. */
export interface CacheLayout {
  readonly headSize: number;
  readonly pageSize: number;
  /** Positions that a row sees, itself among them; `null`: all. */
  readonly slidingWindow: number | null;
}

/** Everything that the kernels are written from. */
export interface AttentionSizes extends CacheLayout {
  readonly rows: number;
  readonly heads: number;
  readonly keyHeads: number;
  /** Positions of a part, a multiple of {@linkcode LANES}. */
  readonly span: number;
  /** Parts that a row's window meets at most. */
  readonly parts: number;
}

/**
 * The sizes of an op.
 *
 * @throws {GraphError} if its heads are wider than a workgroup has room for.
 */
export function attentionSizes(
  { queries, keys, pages }: CacheOperands,
  layout: CacheLayout,
): AttentionSizes {
  const { headSize, pageSize, slidingWindow } = layout;
  const [rows, width] = queries.shape;
  const ring = pages.shape[1] * pageSize;
  const span = Math.min(LONGEST_PART, Math.ceil(ring / PARTS / LANES) * LANES);
  // A window begins anywhere in a part; all positions begin at the first.
  const parts = slidingWindow === null || slidingWindow > ring
    ? Math.ceil(ring / span)
    : Math.ceil((slidingWindow - 1) / span) + 1;
  if (headSize / featureBlock(headSize).size > LANES) {
    throw new GraphError({
      operation: "cachedAttention",
      problem: "heads are too wide for a GPU",
      value: headSize,
      expected: `at most ${2 * LANES} features, or a multiple of 8 up to ${8 * LANES}`,
    });
  }
  const [heads, keyHeads] = [width / headSize, keys.shape[1] / headSize];
  return { ...layout, rows, heads, keyHeads, span, parts };
}

/**
 * WGSL of what a row sees: its positions `first` … `last`, and whether the caches have them all. `row` is known.
 */
export function windowText({ slidingWindow }: CacheLayout): string {
  const first = slidingWindow === null ? "0u" : "last + 1u - min(last + 1u, sizes.window)";
  return `
let last = bitcast<u32>(max(positions[row], 0));
let first = ${first};
let hasAll = has_cells(row) && last - first < sizes.ring;`.trim();
}

/** Uniform sizes that {@linkcode windowText} needs, and the positions of a part. */
export function windowSizes(
  operands: CacheOperands,
  { pageSize, slidingWindow, span }: AttentionSizes,
): Record<string, number> {
  return {
    span,
    ...cellSizes(operands, pageSize),
    ...slidingWindow === null ? {} : { window: slidingWindow },
  };
}

/** How features are read together: eight where heads are whole blocks of them, else two. */
export function featureBlock(headSize: number) {
  return headSize % 8 === 0
    ? {
      size: 8,
      type: "mat2x4f",
      dot: (a: string, b: string) => `dot(${a}[0], ${b}[0]) + dot(${a}[1], ${b}[1])`,
      read: (operand: Operand) => ({ operand, vector: 8 } as const),
      at: (name: string, index: string) => `${name}_at8(${index})`,
      feature: (name: string) => `${name}[feature / 4u % 2u][feature % 4u]`,
    }
    : {
      size: 2,
      type: "vec2f",
      dot: (a: string, b: string) => `dot(${a}, ${b})`,
      read: (operand: Operand) => operand,
      at: (name: string, index: string) =>
        `vec2f(${name}_at(2u * (${index})), ${name}_at(2u * (${index}) + 1u))`,
      feature: (name: string) => `${name}[feature % 2u]`,
    };
}
