/**
 * Signs under a layer's whole objective by coordinate descent: all signs are gone through row by row, and each is
 * turned where that lowers J(Â), with scales that are fitted again in between. No round makes J greater.
 */

import type { Matrices, Matrix } from "../../graph/linear_algebra/matrices.ts";
import { multiply } from "../../graph/ops/elementwise.ts";
import { concatenateRows } from "../../graph/ops/matrix.ts";
import { signSweep } from "../../graph/ops/sign_sweep.ts";
import { sign } from "../../graph/ops/signs.ts";
import type { Watch } from "../../util/progress.ts";
import { fitColumns, fitRows, type SignObjective } from "./fit_scales.ts";
import type { FittedSigns } from "./start.ts";
import { scaledMatrix, type VectorScales } from "./scaled_signs_matrix.ts";

/** Times that the signs of a row are gone through between fits of the scales. */
const PASSES = 4;

/** Share of J by which another round must lower it. */
const TOLERANCE = 1e-4;

/** Numbers of rows that are swept at once. */
const SLAB = 2 ** 22;

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
  let best = start;
  try {
    for (let round = 0; round < rounds; round++) {
      const turned = await swept(matrices, objective, best);
      const next = await withScales(matrices, objective, turned, best.scales);
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
    return best;
  } catch (error) {
    best[Symbol.dispose]();
    throw error;
  }
}

/** The same signs with scales fitted from where they were; the signs are freed with what is returned. */
async function withScales(
  matrices: Matrices,
  objective: SignObjective,
  signs: Matrix,
  scales: VectorScales,
): Promise<FittedSigns> {
  try {
    const { column } = await fitColumns(matrices, objective, signs, scales);
    const fitted = await fitRows(matrices, objective, signs, column);
    return { ...fitted, signs, [Symbol.dispose]: () => signs[Symbol.dispose]() };
  } catch (error) {
    signs[Symbol.dispose]();
    throw error;
  }
}

/** S after one round. */
async function swept(
  matrices: Matrices,
  { c, p }: SignObjective,
  { signs, scales }: FittedSigns,
): Promise<Matrix> {
  using stack = new DisposableStack();
  const values = stack.use(await scaledMatrix(matrices, signs, scales));
  const gradient = stack.use(await matrices.subtracted(p, values, c));
  const height = Math.max(1, Math.floor(SLAB / signs.columns));
  const pieces: Matrix[] = [];
  for (let begin = 0; begin < signs.rows; begin += height) {
    const rows = [begin, Math.min(begin + height, signs.rows)] as const;
    using ofValues = await matrices.part(values, { rows });
    using ofGradient = await matrices.part(gradient, { rows });
    using both = await matrices.step(
      "sweep over signs",
      [ofValues, ofGradient, c],
      ([v, g, c]) => signSweep(v, g, c, null, { passes: PASSES }),
    );
    pieces.push(stack.use(await matrices.part(both, { rows: [0, rows[1] - begin] })));
  }
  const after = pieces.length === 1
    ? pieces[0]
    : stack.use(await matrices.step("below each other", pieces, concatenateRows));
  // Numbers that are zero have no sign of their own.
  return await matrices.step(
    "signs of what turned",
    [signs, values, after],
    ([signs, before, after]) => multiply(signs, sign(multiply(before, after), 1)),
  );
}
