/** The ±1 of numbers and of packed bits. */

import type { Kernel, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/** WGSL: −1 or +1 as `x` is negative or positive; `zero` of a zero, whatever its own sign. */
export function signText(x: string, zero: 0 | 1): string {
  return zero === 0 ? `sign(${x})` : `select(1.0, -1.0, ${x} < 0.0)`;
}

/** S `[in, out]` of ±1 from a mask `[⌈in/32⌉, out]`. */
export function signMatrixKernel(mask: Operand, shape: readonly number[]): Kernel {
  const [rows, columns] = shape;
  return elementKernel(rows * columns, {
    name: "signMatrix",
    reads: { mask },
    writes: { signs: { shape } },
    sizes: { columns },
    body: `
let row = i / sizes.columns;
let word = mask[row / 32u * sizes.columns + i % sizes.columns];
signs[i] = select(-1.0, 1.0, ((word >> (row % 32u)) & 1) == 1);`,
  });
}
