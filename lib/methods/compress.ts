/** One call for every method: from a pair and calibration text to a delta. */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkPair } from "../checkpoint/pair.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { type Delta, memoryDelta } from "../delta/delta.ts";
import { FORMAT_VERSION } from "../delta/delta_header.ts";
import type { Engine } from "../graph/engine.ts";
import { type CalibrationSequences, checkEnoughText } from "../texts/sequences.ts";
import { OptionError, TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import type { Settings } from "../util/settings.ts";
import { planRows, type RowPlan } from "./activations.ts";
import type { ClosedForm, Method, TrainedDelta } from "./method.ts";
import { type MethodChoice, resolveMethod } from "./mod.ts";
import { walk } from "./walk.ts";

/** How a compression is watched, and kept where it is interrupted. */
export interface CompressOptions extends Watch {
  /**
   * File that a method that trains saves its run to, at times and when it is stopped, and goes on from;
   * default: none. The caller removes it once the delta is safe.
   */
  readonly state?: string;
}

/**
 * Compresses a fine-tune: each linear layer by the method, every other tensor kept whole.
 *
 * @param sequences calibration text; `null` will do for a method that sees weights alone.
 * @returns the delta, and the loss before each step of a method that trains.
 * @throws {OptionError} if there is no such method, variant or setting, or a state for a method that trains
 * nothing.
 * @throws {TrainingStateError} if the state is of another run.
 * @throws {CheckpointError} if the two checkpoints do not match or are the same, or a weight is NaN or infinite.
 * @throws {TextError} if there is too little calibration text.
 * @throws {DeltaError} if a layer's inputs leave its numbers undefined.
 *
 * @example
 * ```ts
 * import { compress, linearLayerNames, Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const { delta } = await compress(pair.engine, pair.base, pair.fine, { method: "initial" }, null);
 * assert.deepEqual([...delta.layers.keys()], linearLayerNames(pair.base.config));
 * ```
 */
export async function compress(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  choice: MethodChoice,
  sequences: CalibrationSequences | null,
  { state, ...watch }: CompressOptions = {},
): Promise<TrainedDelta> {
  const { method, settings } = resolveMethod(choice);
  checkPair(base, fine);
  if (method.kind === "closed form") {
    if (state !== undefined) refuseState(method, state);
    const delta = await closedForm(engine, base, fine, method, settings, sequences, watch);
    return { delta, losses: [] };
  }
  const text = requireText(method, sequences);
  checkEnoughText(text, method.batch(settings));
  const first = await compress(engine, base, fine, { method: method.start }, sequences, watch);
  const input = { engine, base, fine, start: first.delta, sequences: text, state, ...watch };
  return await method.train(input, settings);
}

function refuseState(method: Method, state: string): never {
  throw new OptionError({
    problem: `is not for method '${method.name}'`,
    option: "state",
    value: state,
    expected: "a method that trains; any other is done at once",
  });
}

async function closedForm(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  method: ClosedForm<Settings>,
  settings: Settings,
  sequences: CalibrationSequences | null,
  watch: Watch,
): Promise<Delta> {
  const rows = rowPlan(method, settings, sequences);
  const layers = new Map<string, CompressedLayer>();
  const whole = new Map<string, RawTensor>();
  await walk(
    engine,
    base,
    fine,
    { rows, both: method.sees === "both inputs" },
    (layer, programs) => method.compress(layer, settings, engine, programs),
    {
      layer: (name, layer) => void layers.set(name, layer),
      whole: (tensor, raw) => void whole.set(tensor, raw),
    },
    watch,
  );
  return memoryDelta(layers, whole, {
    method: method.name,
    settings,
    baseHash: await base.hash(),
    fineHash: await fine.hash(),
    version: FORMAT_VERSION,
  });
}

function rowPlan(
  method: ClosedForm<Settings>,
  settings: Settings,
  sequences: CalibrationSequences | null,
): RowPlan | null {
  if (method.sees === "weights") return null;
  const rows = method.rows(settings);
  if (rows === null) {
    throw new OptionError({
      problem: "sees inputs, and rows() returns none",
      option: "method",
      value: method.name,
      expected: "which rows of inputs it looks at",
    });
  }
  const text = requireText(method, sequences);
  checkEnoughText(text);
  return planRows(text, rows);
}

function requireText(method: Method, sequences: CalibrationSequences | null): CalibrationSequences {
  if (sequences !== null) return sequences;
  throw new TextError({
    problem: "calibration text is missing",
    expected: `sequences for method '${method.name}'`,
  });
}
