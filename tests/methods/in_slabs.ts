/** Plain matrices as tall ones on an engine, and back. */

import type { Engine } from "../../lib/graph/engine.ts";
import { owned } from "../../lib/graph/linear_algebra/matrices.ts";
import { tall, type TallMatrix } from "../../lib/methods/tall_matrix.ts";
import { flat, type Matrix, matrixOf } from "../graph/linear_algebra/plain.ts";

/** Rows of a slab: fewer than small matrices have. */
const HEIGHT = 4;

/** A matrix in slabs of a few rows. */
export async function inSlabs(engine: Engine, matrix: Matrix): Promise<TallMatrix> {
  const slabs = [];
  for (let begin = 0; begin < matrix.length; begin += HEIGHT) {
    const rows = matrix.slice(begin, begin + HEIGHT);
    slabs.push(owned(await engine.place(flat(rows)), rows.length, rows[0].length));
  }
  return tall(slabs);
}

/** All rows of a matrix in slabs. */
export async function readSlabs(engine: Engine, { slabs, columns }: TallMatrix): Promise<Matrix> {
  const all = await engine.read(slabs.map(({ placed }) => placed));
  return all.flatMap((values, at) => matrixOf(values, slabs[at].rows, columns));
}
