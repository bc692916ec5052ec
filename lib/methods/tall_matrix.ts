/**
 * A tall matrix in slabs of its rows, so that what is made of it slab by slab needs room for a slab: a layer's delta,
 * what is aimed at, its signs. Not here: how high a slab is (`slabs.ts`).
 */

import type { Matrices, Matrix } from "../graph/linear_algebra/matrices.ts";

/** Slabs below each other. Dispose of it to free them, once or more often. */
export interface TallMatrix extends Disposable {
  readonly slabs: readonly Matrix[];
  readonly rows: number;
  readonly columns: number;
}

/** A slab of rows of the whole. */
export interface Slab {
  readonly slab: Matrix;
  /** Which one. */
  readonly at: number;
  /** Its rows in the whole, the last of them exclusive. */
  readonly range: readonly [begin: number, end: number];
}

/** Slabs as one matrix, which owns them. */
export function tall(slabs: readonly Matrix[]): TallMatrix {
  return {
    slabs,
    rows: slabs.reduce((sum, { rows }) => sum + rows, 0),
    columns: slabs[0].columns,
    [Symbol.dispose]: () => slabs.forEach((each) => each[Symbol.dispose]()),
  };
}

/** Slabs with where they stand. */
export function* slabsOf({ slabs }: TallMatrix): Generator<Slab> {
  let begin = 0;
  for (const [at, slab] of slabs.entries()) {
    const end = begin + slab.rows;
    yield { slab, at, range: [begin, end] };
    begin = end;
  }
}

/** What is made of each slab, below each other. */
export async function slabBySlab(
  matrix: TallMatrix,
  make: (of: Slab) => Promise<Matrix>,
): Promise<TallMatrix> {
  using made = new DisposableStack();
  const results: Matrix[] = [];
  for (const each of slabsOf(matrix)) results.push(made.use(await make(each)));
  made.move();
  return tall(results);
}

/** The sum of what is made of each slab. */
export async function sumOfSlabs(
  matrices: Matrices,
  matrix: TallMatrix,
  make: (of: Slab) => Promise<Matrix>,
): Promise<Matrix> {
  let sum: Matrix | null = null;
  try {
    for (const each of slabsOf(matrix)) {
      const more = await make(each);
      if (sum === null) {
        sum = more;
        continue;
      }
      using before: Matrix = sum;
      using _more = more;
      sum = null;
      sum = await matrices.sum(before, more);
    }
    return sum!;
  } catch (error) {
    sum?.[Symbol.dispose]();
    throw error;
  }
}

/** X · B, `[rows, ·]`. */
export async function productOfSlabs(
  matrices: Matrices,
  x: TallMatrix,
  b: Matrix,
): Promise<Matrix> {
  if (x.slabs.length === 1) return await matrices.product(x.slabs[0], b);
  using pieces = await slabBySlab(x, ({ slab }) => matrices.product(slab, b));
  return await matrices.below(...pieces.slabs);
}

/** Xᵀ · B, `[columns, ·]`. */
export function transposedProductOfSlabs(
  matrices: Matrices,
  x: TallMatrix,
  b: Matrix,
): Promise<Matrix> {
  return sumOfSlabs(matrices, x, async ({ slab, range }) => {
    if (slab.rows === b.rows) return await matrices.product(slab, b, { transposeFirst: true });
    using rows = await matrices.part(b, { rows: range });
    return await matrices.product(slab, rows, { transposeFirst: true });
  });
}
