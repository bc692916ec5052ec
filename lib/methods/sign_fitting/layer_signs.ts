/** A layer's objective as signs are fitted to it, and masks that are fitted one after another to what is left. */

import type { CompressedLayer } from "../../codecs/codec.ts";
import { cholesky, choleskySolve } from "../../graph/linear_algebra/mod.ts";
import { borrowed, Matrices, type Matrix, owned } from "../../graph/linear_algebra/matrices.ts";
import { multiply, reshape, subtract, sumTo } from "../../graph/ops/elementwise.ts";
import type { ProgramCache } from "../../graph/program_cache.ts";
import type { Watch } from "../../util/progress.ts";
import type { LayerInput } from "../method.ts";
import { layerObjective } from "../objective.ts";
import type { ObjectiveSettings } from "../objective_settings.ts";
import { fitRows, type SignObjective } from "./fit_scales.ts";
import {
  half,
  halvedColumns,
  scaledMatrix,
  type ScaleKind,
  vectorTerm,
} from "./scaled_signs_matrix.ts";
import type { FittedSigns, MaskTask } from "./start.ts";

/** How masks of a layer are fitted. */
export interface MaskOptions {
  /** How many. */
  readonly masks: number;
  readonly kind: ScaleKind;
  /** Fits one. */
  readonly fit: (matrices: Matrices, task: MaskTask, watch: Watch) => Promise<FittedSigns>;
}

/** Share of the mean square that is added where D = PC⁻¹ is solved for, so that C may be singular. */
const RIDGE = 1e-5;

/** Compresses a layer to masks with vectors, one layer at a time. */
export function maskedLayer(
  layer: LayerInput,
  settings: ObjectiveSettings,
  { masks, kind, fit }: MaskOptions,
  programs: ProgramCache,
  watch: Watch,
): Promise<CompressedLayer> {
  return programs.alone(async () => {
    const { shape } = layer;
    const [outSize, inSize] = shape;
    const matrices = new Matrices(programs, watch.signal);
    using objective = await layerObjective(layer, settings, programs, watch.signal);
    const c = borrowed(objective.c, inSize, inSize);
    const delta = borrowed(objective.delta, outSize, inSize);
    const squares = await meanSquares(matrices, layer, settings.sequential, objective.ridge);
    using stack = new DisposableStack();
    let p = borrowed(objective.p, outSize, inSize);
    let aim = settings.sequential ? stack.use(await aimedAt(matrices, { c, p, squares })) : delta;
    const terms = [];
    for (let mask = 0; mask < masks; mask++) {
      const other = settings.sequential && mask === 0 ? delta : null;
      const task = { c, squares, p, aim, delta: other, fallback: layer.signs.meanMagnitude };
      using fitted = await fit(matrices, task, watch);
      const { signs } = fitted;
      const scales = kind === "row and column"
        ? await stored(matrices, task, fitted)
        : fitted.scales;
      terms.push(await vectorTerm(matrices, signs, scales, kind));
      if (mask === masks - 1) break;
      using values = await scaledMatrix(matrices, signs, scales);
      p = stack.use(await matrices.subtracted(p, values, c));
      aim = stack.use(await matrices.step("difference", [aim, values], ([a, b]) => subtract(a, b)));
    }
    return { shape, role: "delta", terms };
  });
}

/** Scales as 16-bit floats hold them, r fitted to c as it is held. */
async function stored(matrices: Matrices, task: MaskTask, { signs, scales }: FittedSigns) {
  const { column } = halvedColumns(scales);
  const { scales: { row } } = await fitRows(matrices, task, signs, column);
  return { row: row.map(half), column };
}

/** diag C, `[in]`. */
async function meanSquares(
  { programs, signal }: Matrices,
  { shape: [, inSize], fineInputs, compressedInputs }: LayerInput,
  sequential: boolean,
  ridge: number,
): Promise<Float32Array> {
  const x = sequential ? compressedInputs! : fineInputs!;
  const rows = x.length / inSize;
  using sums = await new Matrices(programs, signal).step(
    "sums of squares",
    [borrowed(x, rows, inSize)],
    ([x]) => reshape(sumTo(multiply(x, x), [inSize]), [1, inSize]),
  );
  const [squares] = await programs.engine.read([sums.placed]);
  return Float32Array.from(squares, (each) => each / rows + ridge);
}

/** D = PC⁻¹, `[out, in]`. */
async function aimedAt(
  { programs, signal }: Matrices,
  { c, p, squares }: Pick<SignObjective, "c" | "p" | "squares">,
): Promise<Matrix> {
  const meanSquare = squares.reduce((sum, each) => sum + each, 0) / squares.length;
  if (!(meanSquare > 0)) return borrowed(p.placed, p.rows, p.columns);
  using factor = await cholesky(programs, c.placed, c.rows, {
    ridge: RIDGE * meanSquare,
    signal,
  });
  const solved = await choleskySolve(programs, factor, p.placed, p.rows, signal);
  return owned(solved, p.rows, p.columns);
}
