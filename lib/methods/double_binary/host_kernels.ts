/**
 * Steps of alternating directions in WebAssembly, in 32-bit floats and one order of summing wherever they run: matrices
 * in the memory of an instance, row by row, whose sides are multiples of eight.
 */

import { assembleModule } from "../../util/wasm.ts";
import { PRODUCTS } from "./host_products.ts";
import { PROJECTIONS } from "./host_projection.ts";

/** An instance: functions on addresses of matrices in `memory`. */
export interface StartKernels {
  readonly memory: WebAssembly.Memory;
  /** c = a · b, `[rows, inner] · [inner, columns]`. */
  readonly product: (
    a: number,
    b: number,
    c: number,
    rows: number,
    inner: number,
    columns: number,
  ) => void;
  /** y = xᵀ. */
  readonly transpose: (x: number, y: number, rows: number, columns: number) => void;
  /** y = x with columns at length 1; one of zeros stays. `sums`: room for a row. */
  readonly unit: (x: number, y: number, sums: number, rows: number, columns: number) => void;
  /** y = (x + ridge · I)⁻¹ of a symmetric matrix, in float64. `work`: room for as many float64. */
  readonly invert: (x: number, y: number, work: number, size: number, ridge: number) => void;
  /** y = target + weight · (z − lambda). */
  readonly draw: (
    target: number,
    z: number,
    lambda: number,
    y: number,
    weight: number,
    count: number,
  ) => void;
  /**
   * x += lambda; z = sign(x) ∘ u vᵀ of the matrix of rank one nearest to |x|, with u `[rows]` of length 1; and
   * lambda = x − z. `next`: room for a row.
   */
  readonly project: (
    x: number,
    lambda: number,
    z: number,
    u: number,
    v: number,
    next: number,
    rows: number,
    columns: number,
    steps: number,
  ) => void;
}

let assembled: Promise<WebAssembly.Module> | null = null;

/** A new instance, whose memory holds so many bytes. */
export async function startKernels(bytes: number): Promise<StartKernels> {
  assembled ??= assembleModule("start.wat", TEXT);
  const instance = new WebAssembly.Instance(await assembled);
  const kernels = instance.exports as unknown as StartKernels;
  kernels.memory.grow(Math.ceil(bytes / 65536));
  return kernels;
}

const TEXT = `(module (memory (export "memory") 0) ${PRODUCTS} ${PROJECTIONS})`;
