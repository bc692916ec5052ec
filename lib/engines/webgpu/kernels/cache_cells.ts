/** Where the keys and values of positions lie in paged caches that are rings, and the kernel that writes them there. */

import type { Kernel, Operand, Storage } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/** Operands of attention with caches, as the op has them. */
export interface CacheOperands {
  readonly queries: Operand;
  readonly keys: Operand;
  readonly values: Operand;
  readonly keyCache: Operand;
  readonly valueCache: Operand;
  readonly sequences: Operand;
  readonly positions: Operand;
  readonly pages: Operand;
}

/** Uniform sizes that {@linkcode CELL_TEXT} needs. */
export function cellSizes(
  { keyCache, pages }: CacheOperands,
  pageSize: number,
): Record<string, number> {
  const [sequenceCount, pageCount] = pages.shape;
  const ring = pageCount * pageSize;
  return { sequenceCount, pageCount, pageSize, ring, cells: keyCache.shape[0] };
}

/**
 * WGSL at module scope: `has_cells(row)`, whether a row is of a sequence that exists, at a position; and
 * `cell_of(sequence, position)`, beyond all cells where a page names none.
 */
export const CELL_TEXT = `
fn has_cells(row: u32) -> bool {
  return bitcast<u32>(sequences[row]) < sizes.sequenceCount && positions[row] >= 0;
}
fn cell_of(sequence: u32, position: u32) -> u32 {
  let place = position % sizes.ring;
  let page = bitcast<u32>(pages[sequence * sizes.pageCount + place / sizes.pageSize]);
  return min(page, sizes.cells) * sizes.pageSize + place % sizes.pageSize;
}`.trim();

/** Writes the keys and values of all rows to their cells; those that have none are left out. */
export function storeKernel(operands: CacheOperands, pageSize: number): Kernel {
  const { keys, values, keyCache, valueCache, sequences, positions, pages } = operands;
  const [rows, width] = keys.shape;
  const pairs = width / 2;
  return elementKernel(rows * pairs, {
    name: "cachedAttention, store",
    reads: { keys, values, sequences, positions, pages },
    changes: { keyCache, valueCache },
    writes: {},
    sizes: { pairs, ...cellSizes(operands, pageSize) },
    module: [
      CELL_TEXT,
      ...[keyCache, valueCache].some(({ storage }) => storage === "bf16") ? [TO_BFLOAT16] : [],
    ].join("\n"),
    body: `
let row = i / sizes.pairs;
if (!has_cells(row)) { return; }
let cell = cell_of(bitcast<u32>(sequences[row]), bitcast<u32>(positions[row]));
if (cell >= sizes.cells) { return; }
let to = cell * sizes.pairs + i % sizes.pairs;
${storePair("keyCache", "keys", keyCache.storage)}
${storePair("valueCache", "values", valueCache.storage)}`,
  });
}

/** WGSL that stores pair `i` of numbers as pair `to` of a cache. */
function storePair(cache: string, from: string, storage: Storage): string {
  const [low, high] = [`${from}_at(2u * i)`, `${from}_at(2u * i + 1u)`];
  switch (storage) {
    case "bf16":
      return `${cache}[to] = to_bfloat16(${low}) | (to_bfloat16(${high}) << 16u);`;
    case "f16":
      return `${cache}[to] = pack2x16float(vec2f(${low}, ${high}));`;
    default:
      return `${cache}[2u * to] = ${low}; ${cache}[2u * to + 1u] = ${high};`;
  }
}

/** Rounded to nearest, ties to even; a NaN stays one. */
const TO_BFLOAT16 = `
fn to_bfloat16(number: f32) -> u32 {
  let bits = bitcast<u32>(number);
  let rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
  return select(rounded, (bits >> 16u) | 0x40u, (bits & 0x7fffffffu) > 0x7f800000u);
}`.trim();
