/**
 * Signs under a layer's whole objective by coordinate descent: all signs are gone through row by row, and each is
 * turned where that lowers J(Â), with scales that are fitted again in between. No round makes J greater.
 */

import type { Matrices, Matrix } from "../../graph/linear_algebra/matrices.ts";
import { multiply, subtract } from "../../graph/ops/elementwise.ts";
import { signSweep } from "../../graph/ops/sign_sweep.ts";
import { sign } from "../../graph/ops/signs.ts";
import type { Watch } from "../../util/progress.ts";
import { slabBySlab, type TallMatrix } from "../tall_matrix.ts";
import {
  fitColumns,
  fitRows,
  fitRowsWithProducts,
  type FittedScales,
  type SignObjective,
} from "./fit_scales.ts";
import type { FittedSigns } from "./start.ts";
import { scaled, vector, type VectorScales } from "./scaled_signs_matrix.ts";

/** Times that the signs of a row are gone through between fits of the scales. */
const PASSES = 4;

/** Share of J by which another round must lower it. */
const TOLERANCE = 1e-4;

/**
 * Rounds of coordinate descent, each followed by fits of row and column.
 *
 * @param start is disposed of.
 * @param rounds at most.
 */
export async function descend(
  matrices: Matrices,
  objective: SignObjective,
  start: FittedSigns,
  rounds: number,
  watch: Watch = {},
): Promise<FittedSigns> {
  let best: Round = { ...start, products: null };
  try {
    for (let round = 0; round < rounds; round++) {
      const turned = await swept(matrices, objective, best);
      const isLast = round === rounds - 1;
      const next = await withScales(matrices, objective, turned, best.scales, isLast);
      watch.onProgress?.({ done: round + 1, total: rounds, label: "round" });
      const gain = best.objective - next.objective;
      if (!(gain > 0)) {
        next[Symbol.dispose]();
        break;
      }
      best[Symbol.dispose]();
      best = next;
      if (gain < TOLERANCE * Math.abs(best.objective)) break;
    }
    best.products?.[Symbol.dispose]();
    return best;
  } catch (error) {
    best[Symbol.dispose]();
    throw error;
  }
}

/** Signs, and S diag(c) C where that is known. */
interface Round extends FittedSigns {
  readonly products: TallMatrix | null;
}

/** The same signs with scales fitted from where they were; the signs are freed with what is returned. */
async function withScales(
  matrices: Matrices,
  objective: SignObjective,
  signs: TallMatrix,
  scales: VectorScales,
  isLast: boolean,
): Promise<Round> {
  using stack = new DisposableStack();
  stack.use(signs);
  const { column } = await fitColumns(matrices, objective, signs, scales);
  const fitted: FittedScales & { readonly products?: TallMatrix } = isLast
    ? await fitRows(matrices, objective, signs, column)
    : await fitRowsWithProducts(matrices, objective, signs, column);
  const { products = null } = fitted;
  if (products) stack.use(products);
  const all = stack.move();
  return { ...fitted, signs, products, [Symbol.dispose]: () => all.dispose() };
}

/** S after one round; what is known of the products is freed slab by slab. */
function swept(
  matrices: Matrices,
  { c, p }: SignObjective,
  { signs, scales: { row, column }, products }: Round,
): Promise<TallMatrix> {
  return slabBySlab(signs, async ({ slab, at, range }) => {
    using ofRows = await vector(matrices, row.slice(...range));
    using ofColumns = await vector(matrices, column);
    using values = await matrices.step("signs with scales", [slab, ofRows, ofColumns], scaled);
    using gradient = await halfGradient(
      matrices,
      p.slabs[at],
      products?.slabs[at],
      values,
      ofRows,
      c,
    );
    using both = await matrices.step(
      "sweep over signs",
      [values, gradient, c],
      ([v, g, c]) => signSweep(v, g, c, null, { passes: PASSES }),
    );
    using after = await matrices.part(both, { rows: [0, slab.rows] });
    // Numbers that are zero have no sign of their own.
    return await matrices.step(
      "signs of what turned",
      [slab, values, after],
      ([signs, before, after]) => multiply(signs, sign(multiply(before, after), 1)),
    );
  });
}

/** P − V C of values V = diag(r) S diag(c), from S diag(c) C where that is known. */
async function halfGradient(
  matrices: Matrices,
  p: Matrix,
  products: Matrix | undefined,
  values: Matrix,
  row: Matrix,
  c: Matrix,
): Promise<Matrix> {
  if (!products) return await matrices.subtracted(p, values, c);
  using used = products;
  using ones = await vector(matrices, new Float32Array(p.columns).fill(1));
  return await matrices.step(
    "less scaled rows",
    [p, used, row, ones],
    ([p, products, row, ones]) => subtract(p, scaled([products, row, ones])),
  );
}
