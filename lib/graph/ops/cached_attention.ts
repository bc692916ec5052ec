/** Attention of rows of many sequences over keys and values that stay where the engine computes. */

import { requireShapes, type Value } from "../graph.ts";
import { isFed, isOfRows, makeStage } from "../stage_op.ts";

/** What rows attend with, and where. R rows, H heads of queries, K heads of keys, all of d features. */
export interface CachedAttention {
  /** `[R, H·d]`, times 1/√d. */
  readonly queries: Value;
  /** `[R, K·d]`, H a multiple of K: head h reads ⌊h·K/H⌋. */
  readonly keys: Value;
  /** `[R, K·d]` */
  readonly values: Value;
  /** `[cells, K·d]`, fed with reserved memory; changed in place. */
  readonly keyCache: Value;
  /** `[cells, K·d]`, fed with other reserved memory; changed in place. */
  readonly valueCache: Value;
  /** i32 `[R]`: the row of `pages` of each row's sequence; −1: none, the row is skipped and its output is zeros. */
  readonly sequences: Value;
  /** i32 `[R]`: of a row in its sequence, 0 first. No two rows are of one sequence and position. */
  readonly positions: Value;
  /** i32 `[S, P]`: the pages of each sequence; a page that is used is of that sequence alone. */
  readonly pages: Value;
}

/** How keys and values lie. */
export interface CacheLayout {
  /** Features of a head, d; even. */
  readonly headSize: number;
  /** Cells of a page. */
  readonly pageSize: number;
  /** Positions that a row sees, itself among them; `null`: all. */
  readonly slidingWindow: number | null;
}

/**
 * Attention with a paged cache: `[R, H·d]`.
 *
 * With ring = P · pageSize and q = p mod ring, the cell of position p of sequence s is
 * pages[s, ⌊q / pageSize⌋] · pageSize + q mod pageSize. First the keys and values of all rows are written to their
 * cells, in place. Then row r of sequence s at position p is Σ softmax(queryᵣ · key) · value over the positions
 * max(0, p − window + 1) … p of s, summed in their order: its numbers do not depend on other rows.
 *
 * The caller sees to it that ring ≥ window + the most rows of a sequence in a step − 1, and without a window
 * that positions are below ring: what a ring has gone over is not there any more. Of an index that names no page or cell
 * an engine that sees it throws a {@linkcode GraphError}; a GPU stores nothing and gives NaN.
 *
 * @throws {GraphError} if shapes do not fit, or a cache is not fed by the caller.
 */
export function cachedAttention(operands: CachedAttention, layout: CacheLayout): Value {
  const { queries, keys, values, keyCache, valueCache, sequences, positions, pages } = operands;
  const { headSize, pageSize, slidingWindow } = layout;
  const [rows, width] = queries.shape;
  const keyWidth = keys.shape[1];
  const cells = keyCache.shape[0];
  const isOf = ({ shape, type }: Value, ...sides: number[]) =>
    type === "f32" && `${shape}` === `${sides}`;
  const isCount = (number: number) => Number.isInteger(number) && number >= 1;
  requireShapes(
    isCount(headSize) && isCount(pageSize) && isCount(slidingWindow ?? 1) && headSize % 2 === 0 &&
      isOf(queries, rows, width) && isOf(keys, rows, keyWidth) && isOf(values, rows, keyWidth) &&
      keyWidth % headSize === 0 && width % keyWidth === 0 &&
      isOf(keyCache, cells, keyWidth) && isOf(valueCache, cells, keyWidth) &&
      isFed(keyCache) && isFed(valueCache) && keyCache.name !== valueCache.name &&
      isOfRows(sequences, rows) && isOfRows(positions, rows) &&
      pages.type === "i32" && pages.shape.length === 2,
    "cachedAttention",
    [queries, keys, values, keyCache, valueCache, sequences, positions, pages],
    `queries [R, H · ${headSize}], keys and values [R, K · ${headSize}] with H a multiple of K, two inputs ` +
      "[cells, the same], i32 sequences and positions [R] and i32 pages [S, P], an even size of heads, and a " +
      "page and a window of 1 or more",
  );
  return makeStage(
    "cachedAttention",
    [queries, keys, values, keyCache, valueCache, sequences, positions, pages],
    [rows, width],
    { headSize, pageSize, slidingWindow },
  );
}
