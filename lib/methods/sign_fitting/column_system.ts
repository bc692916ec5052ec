/**
 * The system whose solution are the scales of columns, [(MᵀM) ∘ C] c = colsum(M ∘ P), added up over slabs of rows. It
 * is symmetric: of wide ones, strips of rows from the diagonal on are all that is formed. Its diagonal outweighs the
 * rest, as different columns of signs agree about as often as not, so that conjugate gradients from where c was come
 * near to it in a few steps.
 */

import type { Value } from "../../graph/graph.ts";
import type { Matrices, Matrix } from "../../graph/linear_algebra/matrices.ts";
import {
  add,
  constant,
  divide,
  multiply,
  reshape,
  subtract,
  sumTo,
} from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import { padColumns, submatrix } from "../../graph/ops/parts.ts";
import { vector } from "./scaled_signs_matrix.ts";

/** Rows of a strip. */
const HEIGHT = 1024;

/** Steps of conjugate gradients. */
const STEPS = 24;

/** Less than any square that is not zero in effect. */
const TINY = 1e-30;

/** Dispose of it to free what has been added up. */
export class ColumnSystem implements Disposable {
  readonly #strips: readonly (readonly [begin: number, end: number])[];
  /** Of each strip, MᵀM from the diagonal on; and colsum(M ∘ P). */
  readonly #sums: Matrix[] = [];

  /** @param c C, `[in, in]`. */
  constructor(readonly matrices: Matrices, readonly c: Matrix) {
    this.#strips = Array.from({ length: Math.ceil(c.rows / HEIGHT) }, (_, at) => {
      return [at * HEIGHT, Math.min(c.rows, (at + 1) * HEIGHT)];
    });
  }

  /** Adds rows of M and of P, `[rows, in]`. */
  async add(m: Matrix, p: Matrix): Promise<void> {
    const { matrices } = this;
    for (const [at, [begin, end]] of this.#strips.entries()) {
      using left = await matrices.part(m, { columns: [begin, end] });
      using right = await matrices.part(m, { columns: [begin, m.columns] });
      await this.#add(at, await matrices.product(left, right, { transposeFirst: true }));
    }
    const target = await matrices.step("sums of columns", [m, p], columnSums);
    await this.#add(this.#strips.length, target);
  }

  /**
   * c, `[in]`.
   *
   * @param start where it was.
   * @param inverse of the system's diagonal.
   */
  async solved(start: Float32Array, inverse: Float32Array): Promise<Float32Array> {
    const { matrices, c } = this;
    using stack = new DisposableStack();
    const strips: Matrix[] = [];
    for (const [at, [begin, end]] of this.#strips.entries()) {
      using ofC = await matrices.part(c, { rows: [begin, end], columns: [begin, c.columns] });
      const operands = [this.#sums[at], ofC];
      strips.push(
        stack.use(await matrices.step("elementwise", operands, ([x, y]) => multiply(x, y))),
      );
    }
    const target = this.#sums[strips.length];
    using from = await vector(matrices, start);
    using preconditioner = await vector(matrices, inverse);
    using found = await matrices.step(
      "conjugate gradients",
      [target, from, preconditioner, ...strips],
      conjugateGradients,
    );
    const [x] = await matrices.programs.engine.read([found.placed]);
    return x as Float32Array;
  }

  async #add(at: number, more: Matrix): Promise<void> {
    if (this.#sums.length === at) {
      this.#sums.push(more);
      return;
    }
    using before = this.#sums[at];
    using _more = more;
    this.#sums[at] = await this.matrices.sum(before, more);
  }

  [Symbol.dispose](): void {
    this.#sums.forEach((each) => each[Symbol.dispose]());
  }
}

function columnSums([x, y]: Value[]): Value {
  const width = x.shape[1];
  return reshape(sumTo(multiply(x, y), [width]), [1, width]);
}

/** x of x · H = t from a start, `[1, n]`, by steps of conjugate gradients with a diagonal preconditioner. */
function conjugateGradients([target, start, preconditioner, ...strips]: Value[]): Value {
  const dot = (a: Value, b: Value) => matmul(a, b, { transposeSecond: true });
  const tiny = constant(Float32Array.of(TINY), [1, 1]);
  const ratio = (a: Value, b: Value) => divide(a, add(b, tiny));
  const times = (factor: Value, x: Value) => matmul(factor, x);
  const product = symmetricProduct(strips);
  let x = start;
  let left = subtract(target, product(start));
  let weighed = multiply(left, preconditioner);
  let direction = weighed;
  let square = dot(left, weighed);
  for (let step = 0; step < STEPS; step++) {
    const turned = product(direction);
    const length = ratio(square, dot(direction, turned));
    x = add(x, times(length, direction));
    left = subtract(left, times(length, turned));
    weighed = multiply(left, preconditioner);
    const next = dot(left, weighed);
    direction = add(weighed, times(ratio(next, square), direction));
    square = next;
  }
  return x;
}

/** x · H of x `[1, n]`, where strips hold the rows of H from its diagonal on. */
function symmetricProduct(strips: readonly Value[]): (x: Value) => Value {
  let begin = 0;
  const parts = strips.map((strip) => {
    const [height, width] = strip.shape;
    const beside = width > height ? submatrix(strip, { columns: [height, width] }) : null;
    const part = { strip, beside, columns: [begin, begin + height] as const };
    begin += height;
    return part;
  });
  const size = begin;
  return (x) =>
    parts.map(({ strip, beside, columns: [first, end] }) => {
      const own = matmul(submatrix(x, { columns: [first, end] }), strip);
      if (!beside) return padColumns(own, first, 0);
      const rest = submatrix(x, { columns: [end, size] });
      const below = matmul(rest, beside, { transposeSecond: true });
      return padColumns(add(own, padColumns(below, 0, size - end)), first, 0);
    }).reduce((sum, each) => add(sum, each));
}
