/** Operands made of others. */

import type { Operand } from "../graph/op_case.ts";

/** The magnitudes: a sum of them loses no digits. */
export function positive(operand: Operand): Operand {
  return { ...operand, numbers: operand.numbers.map(Math.abs) };
}

/** factor · operand, in float32. */
export function times(operand: Operand, factor: number): Operand {
  return { ...operand, numbers: operand.numbers.map((each) => Math.fround(each * factor)) };
}
