/** Rows of many sequences, and attention over all that a sequence has had, in double precision and without a cache. */

import type { Shape } from "../../../lib/graph/graph.ts";

/** Keys, values and queries of one row. */
export interface Row {
  readonly sequence: number;
  readonly position: number;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

/** What each row attends to: its sequence's keys and values so far, by position. */
export class PlainCache {
  readonly #keys = new Map<string, Float32Array>();
  readonly #values = new Map<string, Float32Array>();

  /** @param asStored what a cache keeps of numbers. */
  constructor(
    readonly headSize: number,
    readonly window: number | null,
    readonly asStored: (numbers: Float32Array) => Float32Array,
  ) {}

  /** Keeps the rows of a step and attends with each; zeros for those of no sequence. */
  step(rows: readonly Row[]): Float64Array {
    for (const { sequence, position, key, value } of rows) {
      this.#keys.set(`${sequence} ${position}`, this.asStored(key));
      this.#values.set(`${sequence} ${position}`, this.asStored(value));
    }
    return Float64Array.from(rows.flatMap((row) => [...this.#attend(row)]));
  }

  #attend({ sequence, position, query, key }: Row): Float64Array {
    const { headSize, window } = this;
    const output = new Float64Array(query.length);
    if (sequence < 0) return output;
    const group = query.length / key.length;
    const begin = window === null ? 0 : Math.max(0, position - window + 1);
    const places = Array.from({ length: position - begin + 1 }, (_, at) => begin + at);
    for (let head = 0; head < query.length / headSize; head++) {
      const from = Math.floor(head / group) * headSize;
      const of = (rows: Map<string, Float32Array>, place: number) =>
        rows.get(`${sequence} ${place}`)!.subarray(from, from + headSize);
      const scores = places.map((place) =>
        of(this.#keys, place).reduce((sum, each, at) => sum + each * query[head * headSize + at], 0)
      );
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const total = weights.reduce((sum, each) => sum + each, 0);
      for (const [index, place] of places.entries()) {
        of(this.#values, place).forEach((each, at) => {
          output[head * headSize + at] += each * weights[index] / total;
        });
      }
    }
    return output;
  }
}

/** Sizes of an attention. */
export interface AttentionSizes {
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly pageSize: number;
  readonly pageCount: number;
  readonly sequences: number;
  readonly window: number | null;
}

/** Shapes of a step of so many rows, in the order of the op's operands. */
export function stepShapes(rows: number, sizes: AttentionSizes): Record<string, Shape> {
  const { heads, keyHeads, headSize, pageSize, pageCount, sequences } = sizes;
  const [width, keyWidth] = [heads * headSize, keyHeads * headSize];
  const cells = sequences * pageCount * pageSize;
  return {
    queries: [rows, width],
    keys: [rows, keyWidth],
    values: [rows, keyWidth],
    keyCache: [cells, keyWidth],
    valueCache: [cells, keyWidth],
    sequences: [rows],
    positions: [rows],
    pages: [sequences, pageCount],
  };
}
