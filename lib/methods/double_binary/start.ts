/**
 * Where double binary factors start: alternating directions (ADMM) on a matrix Y `[m, n]`, each factor in turn with
 * the other one fixed, drawn to signs times a matrix of rank one.
 *
 * Of a factor A of Y ≈ A B̄, with B̄ the other factor's inner vectors at length 1, a half-step solves
 * A = (Y B̄ᵀ + ρ(Z − Λ))(B̄ B̄ᵀ + (ε + ρ)I)⁻¹, projects Z = sign(A + Λ) ∘ rank1|A + Λ| and moves Λ += A − Z, three
 * times. All is 32-bit on an engine: which of many optima of like quality is reached depends on the order in which it
 * sums.
 *
 * Source: Boža and Macko 2025, "Addition is almost all you need: Compressing neural networks with double binary
 * factorization", section 3; here ρ rises as the cube of the round.
 */

import { cholesky, type CholeskyFactor, choleskySolve } from "../../graph/linear_algebra/mod.ts";
import { type Matrices, type Matrix, owned } from "../../graph/linear_algebra/matrices.ts";
import { input, type Value } from "../../graph/graph.ts";
import {
  add,
  constant,
  divide,
  multiply,
  reshape,
  scaleBy,
  squareRoot,
  subtract,
  sumTo,
} from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import { sign, signMatrix } from "../../graph/ops/signs.ts";
import { SeededRandom } from "../../util/random.ts";
import { productOfSlabs, type TallMatrix, transposedProductOfSlabs } from "../tall_matrix.ts";

/** ε, of inner vectors at length 1. */
export const RIDGE = 0.03;

/** The least ρ that is added to the diagonal. */
export const LEAST = 1e-6;

/** Steps of the power method that finds the matrix of rank one. */
export const POWER_STEPS = 4;

/** Less than any square that is not zero in effect. */
const TINY = 1e-30;

/** Both factors as signs times a matrix of rank one: `[m, inner]`, and the second one transposed, `[n, inner]`. */
export interface RankOneFactors extends Disposable {
  readonly left: Matrix;
  readonly right: Matrix;
}

/** How a start is found. */
export interface StartSettings {
  /** k, how many inner signs. */
  readonly inner: number;
  /** Outer rounds, of both half-steps each. */
  readonly rounds: number;
  /** Of the random signs that it begins with. */
  readonly seed: number;
}

/** ρ of the first step of a round. */
export function roundWeight(round: number, rounds: number): number {
  return Math.min(1, round / Math.max(1, rounds - 3)) ** 3;
}

/**
 * Factors of Y that are near it in all directions alike.
 *
 * @param y Y, `[m, n]`
 */
export async function startingFactors(
  matrices: Matrices,
  y: TallMatrix,
  { inner, rounds, seed }: StartSettings,
): Promise<RankOneFactors> {
  using left = new Split(matrices, y, false, await zeros(matrices, y.rows, inner));
  using right = new Split(matrices, y, true, await randomSigns(matrices, y.columns, inner, seed));
  for (let round = 0; round < rounds; round++) {
    const weight = roundWeight(round, rounds);
    await left.step(right.projected, weight);
    await right.step(left.projected, weight);
  }
  const [ofLeft, ofRight] = [left.taken(), right.taken()];
  return {
    left: ofLeft,
    right: ofRight,
    [Symbol.dispose]() {
      ofLeft[Symbol.dispose]();
      ofRight[Symbol.dispose]();
    },
  };
}

/** One factor, `[rows, inner]`, split in a free one and its projection. */
class Split implements Disposable {
  /** Z. */
  projected: Matrix;
  /** Λ. */
  #multiplier: Matrix | null = null;

  constructor(
    readonly matrices: Matrices,
    readonly y: TallMatrix,
    readonly isTransposed: boolean,
    start: Matrix,
  ) {
    this.projected = start;
  }

  /** Three steps towards the other factor, of which the first weighs the projection as said. */
  async step(other: Matrix, weight: number): Promise<void> {
    const { matrices, y, isTransposed } = this;
    this.#multiplier ??= await zeros(matrices, this.projected.rows, this.projected.columns);
    const inner = other.columns;
    using unit = await matrices.step("columns at length 1", [other], unitColumns);
    using gram = await matrices.product(unit, unit, { transposeFirst: true });
    using target = isTransposed
      ? await transposedProductOfSlabs(matrices, y, unit)
      : await productOfSlabs(matrices, y, unit);
    const factorWith = (ridge: number) =>
      cholesky(matrices.programs, gram.placed, inner, { ridge, signal: matrices.signal });
    {
      using first = await factorWith(RIDGE + Math.max(weight, LEAST));
      await this.#move(target, first, weight);
    }
    using next = await factorWith(RIDGE + 1);
    for (let again = 0; again < 2; again++) await this.#move(target, next, 1);
  }

  async #move(target: Matrix, factor: CholeskyFactor, weight: number): Promise<void> {
    const { matrices } = this;
    const { programs, signal } = matrices;
    using multiplier = this.#multiplier!;
    using amount = await placed(matrices, Float32Array.of(weight), 1, 1);
    using before = this.projected;
    using right = await matrices.step(
      "drawn to a projection",
      [target, before, multiplier, amount],
      ([target, z, lambda, weight]) =>
        add(target, multiply(subtract(z, lambda), reshape(weight, []))),
    );
    const { rows, columns } = before;
    const solution = await choleskySolve(programs, factor, right.placed, rows, signal);
    using free = owned(solution, rows, columns);
    using sum = await matrices.sum(free, multiplier);
    this.projected = await matrices.step("signs of rank one", [sum], ([sum]) => projection(sum));
    this.#multiplier = await matrices.step(
      "difference",
      [sum, this.projected],
      ([sum, z]) => subtract(sum, z),
    );
  }

  /** The projection is now whoever's who asks. */
  taken(): Matrix {
    const { projected } = this;
    this.projected = { ...projected, [Symbol.dispose]: () => {} };
    return projected;
  }

  [Symbol.dispose](): void {
    this.projected[Symbol.dispose]();
    this.#multiplier?.[Symbol.dispose]();
  }
}

/** Each column divided by its length; one of zeros stays. */
function unitColumns([x]: Value[]): Value {
  const [, columns] = x.shape;
  const squares = add(sumTo(multiply(x, x), [columns]), constant(Float32Array.of(TINY), []));
  return multiply(x, inverseRoot(squares));
}

function inverseRoot(squares: Value): Value {
  const ones = new Float32Array(squares.shape[0]).fill(1);
  return divide(constant(ones, squares.shape), squareRoot(squares));
}

/** sign(x) ∘ rank1|x|. */
function projection(x: Value): Value {
  const { row, column } = rankOne(x);
  return multiply(sign(x, 1), matmul(row, column, { transposeSecond: true }));
}

/**
 * u and v of the matrix of rank one that is nearest to |x| `[rows, columns]`: u vᵀ, u `[rows, 1]` of length 1 and
 * v `[columns, 1]`.
 */
export function rankOne(x: Value): { readonly row: Value; readonly column: Value } {
  const [rows, columns] = x.shape;
  const magnitudes = multiply(x, sign(x, 1));
  let column = reshape(scaleBy(sumTo(magnitudes, [columns]), 1 / rows), [columns, 1]);
  let row = column;
  for (let step = 0; step < POWER_STEPS; step++) {
    const product = matmul(magnitudes, column);
    const square = add(sumTo(multiply(product, product), [1]), constant(Float32Array.of(TINY), []));
    row = multiply(product, inverseRoot(square));
    column = matmul(magnitudes, row, { transposeFirst: true });
  }
  return { row, column };
}

async function zeros(matrices: Matrices, rows: number, columns: number): Promise<Matrix> {
  return await placed(matrices, new Float32Array(rows * columns), rows, columns);
}

async function placed(
  { programs }: Matrices,
  numbers: Float32Array,
  rows: number,
  columns: number,
): Promise<Matrix> {
  return owned(await programs.engine.place(numbers), rows, columns);
}

async function randomSigns(
  { programs }: Matrices,
  rows: number,
  columns: number,
  seed: number,
): Promise<Matrix> {
  const random = new SeededRandom(seed);
  const words = Math.ceil(rows / 32);
  const mask = Int32Array.from(
    { length: words * columns },
    () => random.integer(65536) << 16 | random.integer(65536),
  );
  const program = await programs.get(`signs of a mask [${words}, ${columns}] for ${rows}`, () => ({
    signs: signMatrix(input("mask", [words, columns], "i32"), rows),
  }));
  return owned((await program.keep({ mask })).signs, rows, columns);
}
