/** Cholesky's factor in parts, of which its upper half takes no room. */

import type { Matrix } from "./matrices.ts";

/** A factor, or a diagonal part of one. */
export type FactorPart = FactorBlock | FactorHalves;

/** A block on the diagonal. */
export interface FactorBlock {
  /** Rows. */
  readonly size: number;
  /** L. */
  readonly lower: Matrix;
  /** L⁻¹. */
  readonly inverse: Matrix;
}

/** L = [[first, 0], [below, second]]. */
export interface FactorHalves {
  /** Rows. */
  readonly size: number;
  /** Of the first rows and columns. */
  readonly first: FactorPart;
  /** Of the other rows and the first columns. */
  readonly below: Matrix;
  /** Of the other rows and columns. */
  readonly second: FactorPart;
}

/**
 * L of A + ρI = L Lᵀ, where an engine computes; freed when it is disposed of.
 *
 * @example
 * ```ts
 * import { cholesky, factorProduct, onnxEngine, ProgramCache } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * const a = await engine.place(Float32Array.of(4, 2, 2, 5));
 * using factor = await cholesky(programs, a, 2);
 * const identity = await engine.place(Float32Array.of(1, 0, 0, 1));
 * const lower = await factorProduct(programs, factor, identity, factor.size);
 * assert.deepEqual([...(await engine.read([lower]))[0]], [2, 0, 1, 2]);
 * ```
 */
export class CholeskyFactor implements Disposable {
  readonly #parts: Disposable;

  /**
   * Takes over its parts.
   *
   * @param size rows.
   * @param root all of it.
   * @param parts what is freed with it.
   */
  constructor(readonly size: number, readonly root: FactorPart, parts: Disposable) {
    this.#parts = parts;
  }

  /** Frees its parts. */
  [Symbol.dispose](): void {
    this.#parts[Symbol.dispose]();
  }
}
