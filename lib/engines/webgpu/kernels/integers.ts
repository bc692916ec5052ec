/** Whole numbers of a few bits as weights: planes of bits with a scale and a zero point for each group. */

import type { Kernel, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/** The operands of `integerMatrix`. */
export interface IntegerOperands {
  readonly planes: Operand;
  readonly scale: Operand;
  readonly zero: Operand;
}

/** M `[rows, columns]` from planes, scales and zero points, an element an invocation. */
export function integerMatrixKernel(
  { planes, scale, zero }: IntegerOperands,
  shape: readonly number[],
  { bits, group }: Readonly<Record<string, number>>,
): Kernel {
  const [rows, columns] = shape;
  const all = Array.from({ length: bits }, (_, bit) => bit);
  const sum = (bitOf: (bit: number) => string) =>
    all.map((bit) => `((${bitOf(bit)} & 1) << ${bit}u)`).join(" | ");
  return elementKernel(rows * columns, {
    name: "integerMatrix",
    reads: { planes, scale, zero },
    writes: { matrix: { shape } },
    sizes: { columns, words: Math.ceil(rows / 32), zeroWords: Math.ceil(columns / 32), group },
    body: `
let row = i / sizes.columns;
let column = i % sizes.columns;
let of_group = row / sizes.group;
let word = row / 32u * sizes.columns + column;
let plane = sizes.words * sizes.columns;
let zero_word = of_group * ${bits}u * sizes.zeroWords + column / 32u;
let q = ${sum((bit) => `(planes[word + ${bit}u * plane] >> (row % 32u))`)};
let z = ${sum((bit) => `(zero[zero_word + ${bit}u * sizes.zeroWords] >> (column % 32u))`)};
matrix[i] = scale_at(of_group * sizes.columns + column) * f32(q - z);`,
  });
}
