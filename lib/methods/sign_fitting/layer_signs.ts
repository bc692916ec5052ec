/** A layer's objective as signs are fitted to it, and masks that are fitted one after another to what is left. */

import type { CompressedLayer } from "../../codecs/codec.ts";
import { borrowed, Matrices } from "../../graph/linear_algebra/matrices.ts";
import { subtract } from "../../graph/ops/elementwise.ts";
import type { ProgramCache } from "../../graph/program_cache.ts";
import type { Watch } from "../../util/progress.ts";
import { aimedAt, meanSquares } from "../aim.ts";
import type { LayerInput } from "../method.ts";
import { layerObjective } from "../objective.ts";
import type { ObjectiveSettings } from "../objective_settings.ts";
import { slabBySlab } from "../tall_matrix.ts";
import { fitRows } from "./fit_scales.ts";
import {
  half,
  halvedColumns,
  scaledSlab,
  type ScaleKind,
  vectorTerm,
} from "./scaled_signs_matrix.ts";
import { type FittedSigns, type MaskTask, startingSigns } from "./start.ts";

/** How masks of a layer are fitted. */
export interface MaskOptions {
  /** How many. */
  readonly masks: number;
  readonly kind: ScaleKind;
  /** Whether what is aimed at is looked at once signs have started. */
  readonly keepsAim: boolean;
  /** Fits one from where it starts, of which it disposes. */
  readonly fit: (
    matrices: Matrices,
    task: MaskTask,
    start: FittedSigns,
    watch: Watch,
  ) => Promise<FittedSigns>;
}

/** Compresses a layer to masks with vectors, one layer at a time. */
export function maskedLayer(
  layer: LayerInput,
  settings: ObjectiveSettings,
  { masks, kind, keepsAim, fit }: MaskOptions,
  programs: ProgramCache,
  watch: Watch,
): Promise<CompressedLayer> {
  return programs.alone(async () => {
    const { shape, shape: [, inSize] } = layer;
    const matrices = new Matrices(programs, watch.signal);
    using objective = await layerObjective(layer, settings, programs, watch.signal);
    const c = borrowed(objective.c, inSize, inSize);
    const x = settings.sequential ? layer.compressedInputs! : layer.fineInputs!;
    const squares = await meanSquares(matrices, x, inSize, objective.ridge);
    using stack = new DisposableStack();
    let { p, delta: aim } = objective;
    if (settings.sequential) aim = stack.use(await aimedAt(matrices, c, p, squares));
    const terms = [];
    for (let mask = 0; mask < masks; mask++) {
      const delta = settings.sequential && mask === 0 ? objective.delta : null;
      const task = { c, squares, p, aim, delta, fallback: layer.signs.meanMagnitude };
      const start = await startingSigns(matrices, task, kind);
      const isLast = mask === masks - 1;
      delta?.[Symbol.dispose]();
      if (isLast && !keepsAim) aim[Symbol.dispose]();
      using fitted = await fit(matrices, task, start, watch);
      const { signs } = fitted;
      const scales = kind === "row and column"
        ? await stored(matrices, task, fitted)
        : fitted.scales;
      terms.push(await vectorTerm(matrices, signs, scales, kind));
      if (isLast) break;
      const left = p;
      p = stack.use(
        await slabBySlab(signs, async (slab) => {
          using values = await scaledSlab(matrices, slab, scales);
          return await matrices.subtracted(left.slabs[slab.at], values, c);
        }),
      );
      const before = aim;
      aim = stack.use(
        await slabBySlab(signs, async (slab) => {
          using values = await scaledSlab(matrices, slab, scales);
          const operands = [before.slabs[slab.at], values];
          return await matrices.step("difference", operands, ([a, b]) => subtract(a, b));
        }),
      );
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
