/**
 * Signs of what is aimed at, with scales to begin with: where J(Â) is least of a few that are at hand, so that what is
 * fitted from there is no worse than α sign(Δ) with any α.
 */

import type { Matrices } from "../../graph/linear_algebra/matrices.ts";
import { multiply, reshape, sumTo } from "../../graph/ops/elementwise.ts";
import { sign } from "../../graph/ops/signs.ts";
import { slabBySlab, sumOfSlabs, type TallMatrix } from "../tall_matrix.ts";
import { fitRows, type FittedScales, type SignObjective } from "./fit_scales.ts";
import type { ScaleKind } from "./scaled_signs_matrix.ts";

/** What one mask is fitted to. */
export interface MaskTask extends SignObjective {
  /** D, what the mask approximates: Δ or PC⁻¹, less the masks before. */
  readonly aim: TallMatrix;
  /** Δ, where D is another matrix whose signs may serve worse. */
  readonly delta: TallMatrix | null;
}

/** Signs with their scales and J of both. Dispose of it to free the signs. */
export interface FittedSigns extends FittedScales, Disposable {
  /** S, `[out, in]`, ±1. */
  readonly signs: TallMatrix;
}

/**
 * Signs with the rows' scales fitted.
 *
 * @param kind with scales of columns too, these begin all alike or as large as D's.
 */
export async function startingSigns(
  matrices: Matrices,
  task: MaskTask,
  kind: ScaleKind,
): Promise<FittedSigns> {
  const found: FittedSigns[] = [];
  try {
    for (const matrix of task.delta ? [task.aim, task.delta] : [task.aim]) {
      const signs = await signsOf(matrices, matrix);
      using unused = new DisposableStack();
      unused.use(signs);
      const ones = new Float32Array(signs.columns).fill(1);
      const columns = [
        ones,
        ...matrix === task.aim && kind === "row and column"
          ? [await columnSizes(matrices, matrix)]
          : [],
      ];
      const fits = [];
      for (const column of columns) fits.push(await fitRows(matrices, task, signs, column));
      const best = fits.reduce((a, b) => b.objective < a.objective ? b : a);
      unused.move();
      found.push({ ...best, signs, [Symbol.dispose]: () => signs[Symbol.dispose]() });
    }
    const best = found.reduce((a, b) => b.objective < a.objective ? b : a);
    found.splice(found.indexOf(best), 1);
    return best;
  } finally {
    found.forEach((each) => each[Symbol.dispose]());
  }
}

/** S = sign(D), a zero as +1. */
export function signsOf(matrices: Matrices, aim: TallMatrix): Promise<TallMatrix> {
  return slabBySlab(
    aim,
    ({ slab }) => matrices.step("sign of each", [slab], ([x]) => sign(x, 1)),
  );
}

/** Mean magnitudes of the columns, in units of their mean. */
async function columnSizes(matrices: Matrices, aim: TallMatrix): Promise<Float32Array> {
  using sums = await sumOfSlabs(
    matrices,
    aim,
    ({ slab }) =>
      matrices.step("sums of magnitudes", [slab], ([x]) => {
        const [, width] = x.shape;
        return reshape(sumTo(multiply(x, sign(x, 1)), [width]), [1, width]);
      }),
  );
  const [sizes] = await matrices.programs.engine.read([sums.placed]);
  const mean = [...sizes].reduce((sum, each) => sum + each, 0) / sizes.length;
  return Float32Array.from(sizes, (each) => mean > 0 ? each / mean : 1);
}
