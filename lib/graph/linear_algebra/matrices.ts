/**
 * Steps of linear algebra on matrices that lie where an engine computes: parts, products, and what is joined again.
 * Each step is a graph of one op, so that nothing but its result takes room.
 */

import { input, type Value } from "../graph.ts";
import { choleskyBlock, type CholeskyBlockOptions } from "../ops/cholesky_block.ts";
import { add } from "../ops/elementwise.ts";
import { concatenateRows, matmul, type MatmulOptions } from "../ops/matrix.ts";
import { concatenateColumns, type Part, submatrix, subtractProduct } from "../ops/parts.ts";
import type { Placed } from "../placed.ts";
import type { ProgramCache } from "../program_cache.ts";

/** A matrix `[rows, columns]` on an engine, freed when it is disposed of. */
export interface Matrix extends Disposable {
  /** Its numbers, row by row. */
  readonly placed: Placed;
  /** How many rows. */
  readonly rows: number;
  /** How many columns. */
  readonly columns: number;
}

/** Elements from which on a program is not kept: compiling it again costs nothing beside running it. */
const LARGE = 2 ** 22;

/** A matrix that is freed when it is disposed of. */
export function owned(placed: Placed, rows: number, columns: number): Matrix {
  return { placed, rows, columns, [Symbol.dispose]: () => placed.release() };
}

/** A matrix that stays the caller's. */
export function borrowed(placed: Placed, rows: number, columns: number): Matrix {
  return { placed, rows, columns, [Symbol.dispose]: () => {} };
}

/** What is known of a block on the diagonal. */
export interface BlockFactor {
  /** L, or an upper factor. */
  readonly factor: Matrix;
  readonly inverse: Matrix;
  /** `[1, size]`. */
  readonly pivots: Matrix;
}

/** Steps on one engine. */
export class Matrices {
  /**
   * Computes nothing yet.
   *
   * @param signal stops the work before its next step.
   */
  constructor(readonly programs: ProgramCache, readonly signal?: AbortSignal) {}

  /** Rows and columns of a matrix. */
  part(x: Matrix, part: Part): Promise<Matrix> {
    const { rows = [], columns = [] } = part;
    const name = `part ${rows.join(" to ")}, ${columns.join(" to ")}`;
    return this.step(name, [x], ([x]) => submatrix(x, part));
  }

  /** op(a) · op(b). */
  product(a: Matrix, b: Matrix, options: MatmulOptions = {}): Promise<Matrix> {
    const name = `product ${JSON.stringify(options)}`;
    return this.step(name, [a, b], ([a, b]) => matmul(a, b, options));
  }

  /** c − op(a) · op(b). */
  subtracted(c: Matrix, a: Matrix, b: Matrix, options: MatmulOptions = {}): Promise<Matrix> {
    const name = `subtracted ${JSON.stringify(options)}`;
    return this.step(name, [c, a, b], ([c, a, b]) => subtractProduct(c, a, b, options));
  }

  /** a + b. */
  sum(a: Matrix, b: Matrix): Promise<Matrix> {
    return this.step("sum", [a, b], ([a, b]) => add(a, b));
  }

  /** Factor, inverse and pivots of a small matrix: see the op `choleskyBlock`. */
  async block(a: Matrix, ridge: number, options: CholeskyBlockOptions = {}): Promise<BlockFactor> {
    using amount = owned(await this.programs.engine.place(Float32Array.of(ridge)), 1, 1);
    const name = `choleskyBlock ${JSON.stringify(options)}`;
    using all = await this.step(
      name,
      [a, amount],
      ([a, ridge]) => choleskyBlock(a, ridge, options),
    );
    const size = a.rows;
    using parts = new DisposableStack();
    const rows = async (begin: number, end: number) =>
      parts.use(await this.part(all, { rows: [begin, end] }));
    const factor = await rows(0, size);
    const inverse = await rows(size, 2 * size);
    const pivots = await rows(2 * size, 2 * size + 1);
    parts.move();
    return { factor, inverse, pivots };
  }

  /** Matrices beside each other. */
  beside(...pieces: readonly Matrix[]): Promise<Matrix> {
    return this.step("beside", pieces, concatenateColumns);
  }

  /** Matrices below each other. */
  below(...pieces: readonly Matrix[]): Promise<Matrix> {
    return this.step("below", pieces, concatenateRows);
  }

  /**
   * The result of one graph.
   *
   * @param name says what `build` makes of operands of these shapes.
   */
  async step(
    name: string,
    operands: readonly Matrix[],
    build: (operands: Value[]) => Value,
  ): Promise<Matrix> {
    this.signal?.throwIfAborted();
    const y = build(
      operands.map(({ rows, columns }, index) => input(`x${index}`, [rows, columns])),
    );
    const [rows, columns] = y.shape;
    const feeds = Object.fromEntries(operands.map(({ placed }, index) => [`x${index}`, placed]));
    const isLarge =
      Math.max(rows * columns, ...operands.map(({ placed }) => placed.length)) >= LARGE;
    if (isLarge) {
      const program = await this.programs.engine.compile({ y });
      try {
        return owned((await program.keep(feeds)).y, rows, columns);
      } finally {
        await program.release();
      }
    }
    const shapes = operands.map(({ rows, columns }) => `[${rows}, ${columns}]`);
    const program = await this.programs.get(`${name} of ${shapes.join(" ")}`, () => ({ y }));
    return owned((await program.keep(feeds)).y, rows, columns);
  }
}
