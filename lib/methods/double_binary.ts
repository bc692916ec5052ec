/**
 * `double-binary`: a delta as a product of two matrices of signs with a scale for each row, inner sign and column, at
 * any number of bits a weight: started by alternating directions, and polished under the layer's whole objective.
 *
 * Sources: Boža and Macko 2025, "Addition is almost all you need" (DBF); Lee et al. 2025, "LittleBit"; of fine-tuning
 * deltas, and with signs by coordinate descent on the outputs' error, this project's own.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import { doubleBinary as codec, doubleBinaryTerm } from "../codecs/double_binary.ts";
import { borrowed, Matrices } from "../graph/linear_algebra/matrices.ts";
import { meanSquares } from "./aim.ts";
import { balanced, type Factors, type FactorScales, packColumns } from "./double_binary/factors.ts";
import { startedAlike, startedOnAim } from "./double_binary/layer_start.ts";
import { polish, withRowsFitted } from "./double_binary/polish.ts";
import type { Quadratic } from "./double_binary/sweeps.ts";
import type { ClosedForm } from "./method.ts";
import { layerObjective } from "./objective.ts";
import { type ObjectiveSettings, objectiveSettings, seesOf } from "./objective_settings.ts";
import { biasSetting, type BiasSettings } from "./output_bias.ts";

/** Settings of the method. */
export type DoubleBinarySettings = ObjectiveSettings & BiasSettings & {
  /** Bits a weight. */
  readonly bits: number;
  /** Whether these hold the scales of rows and columns too. */
  readonly vectors: "on top" | "counted";
  /** Rounds of the start. */
  readonly startRounds: number;
  /** Rounds of the polish. */
  readonly polishRounds: number;
  /** Of the random signs that the start begins with. */
  readonly startSeed: number;
  /** Whether small layers start on the delta itself, on the host, so that all engines come to the same signs. */
  readonly alike: boolean;
};

/** Weights from which on a layer is large, and rounds that its start takes at most. */
const [LARGE, ROUNDS_OF_LARGE] = [2 ** 20, 12];

/** Weights up to which a layer is small: its start takes seconds on one thread of the host. */
const SMALL = 2 ** 17;

/** The largest of 16-bit floats. */
const LARGEST_HALF = 65504;

/**
 * Â = diag(r) L diag(m) R diag(c), least J(Â) = tr(ÂCÂᵀ) − 2 tr(ÂPᵀ) found by turns: see
 * {@linkcode layerObjective}. Scales are stored in 16 bits, r fitted again to m and c as they are stored.
 *
 * It starts on the delta that is aimed at, D = PC⁻¹, with its columns weighed by N = √diag C; or, where engines are to
 * be alike, on Δ itself, weighed by the fine-tune's inputs in powers of √2. A layer whose delta is zero is stored as
 * zeros.
 */
export const doubleBinary: ClosedForm<DoubleBinarySettings> = {
  kind: "closed form",
  name: codec.name,
  summary: "two matrices of signs, at any number of bits a weight",
  module: import.meta.url,
  settings: {
    ...objectiveSettings,
    bias: biasSetting,
    bits: {
      kind: "number",
      default: 1,
      minimum: 0.05,
      maximum: 4,
      help: "bits a weight",
    },
    vectors: {
      kind: "choice",
      default: "on top",
      values: ["on top", "counted"],
      help: "whether these bits hold the scales of rows and columns, 16 bits each, too",
    },
    startRounds: {
      kind: "whole number",
      default: 50,
      minimum: 1,
      maximum: 1000,
      help: `rounds of the start; at most ${ROUNDS_OF_LARGE} for layers of over ${LARGE} weights`,
    },
    polishRounds: {
      kind: "whole number",
      default: 8,
      minimum: 1,
      maximum: 1000,
      help: "rounds of the polish under all second moments, the last one of scales alone",
    },
    startSeed: {
      kind: "whole number",
      default: 1,
      minimum: 0,
      maximum: 2 ** 31 - 1,
      help: "of the random signs that the start begins with",
    },
    alike: {
      kind: "choice",
      default: true,
      values: [true, false],
      help: `whether layers of up to ${SMALL} weights start on the delta itself, alike on every ` +
        "engine; else on the delta that is aimed at, which comes some percent nearer",
    },
  },
  variants: {},
  sweep: "bits",
  look: { hue: "red", marker: "triangle-left" },
  sees: seesOf,
  rows: ({ rows, padding }) => ({ rows, padding }),
  form: ({ shape }, settings) => ({
    role: "delta",
    terms: [{ codec: codec.name, form: { inner: innerSigns(shape, settings), type: "F16" } }],
  }),
  compress: (layer, settings, _engine, programs, { signal }) =>
    programs.alone(async () => {
      const { shape } = layer;
      const [outSize, inSize] = shape;
      const matrices = new Matrices(programs, signal);
      using objective = await layerObjective(layer, settings, programs, signal);
      const { p } = objective;
      const c = borrowed(objective.c, inSize, inSize);
      const x = settings.sequential ? layer.compressedInputs! : layer.fineInputs!;
      const squares = await meanSquares(matrices, x, inSize, objective.ridge);
      const meanSquare = squares.reduce((sum, each) => sum + each, 0) / inSize;
      const quadratic: Quadratic = { c, p, meanSquare };
      const isLarge = outSize * inSize > LARGE;
      const ofStart = {
        inner: innerSigns(shape, settings),
        rounds: isLarge ? Math.min(settings.startRounds, ROUNDS_OF_LARGE) : settings.startRounds,
        seed: settings.startSeed,
      };
      const start = settings.alike && outSize * inSize <= SMALL
        ? await startedAlike(matrices, layer, objective, settings.ridge, ofStart)
        : await startedOnAim(matrices, objective, settings.sequential, squares, ofStart);
      const polished = await polish(matrices, quadratic, start, settings.polishRounds);
      const stored = { ...polished, scales: asHalves(polished.scales) };
      using fitted = await withRowsFitted(matrices, quadratic, stored);
      return { shape, role: "delta", terms: [await term(matrices, fitted)] };
    }),
};

/** k, the inner signs that so many bits a weight pay for, with a scale of 16 bits each; at least one. */
export function innerSigns(
  [outSize, inSize]: LinearShape,
  { bits, vectors }: Pick<DoubleBinarySettings, "bits" | "vectors">,
): number {
  const sides = outSize + inSize;
  const paid = bits * outSize * inSize - (vectors === "counted" ? 16 * sides : 0);
  return Math.max(1, Math.round(paid / (sides + 16)));
}

/** m and c as they will be stored. */
function asHalves(scales: FactorScales): FactorScales {
  const { row, middle, column } = balanced(scales);
  return { row, middle: middle.map(half), column: column.map(half) };
}

function half(value: number): number {
  return Math.f16round(Math.min(LARGEST_HALF, value));
}

async function term({ programs: { engine } }: Matrices, { left, right, scales }: Factors) {
  const [l, r] = await engine.read([left.placed, right.placed]) as Float32Array[];
  const masks = {
    left: packColumns(l, left.rows, left.columns),
    right: packColumns(r, right.rows, right.columns),
  };
  return doubleBinaryTerm({ ...masks, ...scales, row: scales.row.map(half) }, "F16");
}
