/** What one linear layer of a model reads on calibration text: the X of the formulas. */

import { type Activations, collectActivations } from "../methods/activations.ts";
import type { RowSettings } from "../methods/method.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { OptionError } from "../util/errors.ts";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../util/progress.ts";

/**
 * X, `[rows, in]`: the inputs of a layer on the first tokens of the sequences.
 *
 * @param layer name without `.weight`
 * @throws {OptionError} if the model has no such layer, or `rows` is no whole number of at least 1.
 * @throws {TextError} if the sequences hold fewer rows than asked for.
 *
 * @example
 * ```ts
 * import {
 *   calibrationSequences,
 *   Checkpoint,
 *   embeddedTexts,
 *   layerInputs,
 *   linearShape,
 *   onnxEngine,
 *   projectPath,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const texts = await embeddedTexts.calibration(1);
 * const sequences = await calibrationSequences(texts.slice(0, 2), await model.tokenizer());
 * const layer = "model.layers.0.mlp.up_proj";
 * const rows = { rows: 32, padding: "left out" } as const;
 * const x = await layerInputs(onnxEngine(), model, sequences, layer, rows);
 * assert.equal(x.length, 32 * linearShape(model.config, layer)[1]);
 * ```
 */
export async function layerInputs(
  engine: Engine,
  model: WeightSource,
  sequences: CalibrationSequences,
  layer: string,
  settings: RowSettings,
  watch: Watch = {},
): Promise<Float32Array> {
  let found: Float32Array | undefined;
  const use = async ({ layers, inputs }: Activations) => {
    if (layers.includes(layer)) [found] = await engine.read([inputs]) as Float32Array[];
  };
  await collectActivations(engine, model, sequences, settings, use, watch);
  if (found) return found;
  throw new OptionError({
    problem: "names no linear layer of the model",
    option: "layer",
    value: layer,
    expected: "a name like 'model.layers.0.self_attn.q_proj'",
  });
}
