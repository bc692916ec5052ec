/** Runs a decoder on one batch of tokens in the two ways there are, for tests. */

import type { WeightSource } from "../../lib/checkpoint/weights.ts";
import { denseLinear, parameterInputs } from "../../lib/model/linear.ts";
import {
  type BatchShape,
  type DecoderContext,
  headLogits,
  modelLogits,
} from "../../lib/model/llama.ts";
import { modelTensors } from "../../lib/model/model_tensors.ts";
import { DecoderPipeline, type TokenBatch, type VisitInputs } from "../../lib/model/pipeline.ts";
import { PlacedModel } from "../../lib/model/placed_model.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { input, type Numbers, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";

/** The engine of these programs. */
export const engine = onnxEngine({ threads: 1 });

/** What the parts of a plain decoder share; with a graph input `attentionMask` where batches are padded. */
export function denseContext(
  { config }: WeightSource,
  shape: BatchShape,
  padded = false,
): DecoderContext {
  const parameters = parameterInputs(config);
  const attentionMask = padded
    ? input("attentionMask", [shape.batch, shape.sequence], "i32")
    : undefined;
  return { config, shape, parameters, linear: denseLinear(parameters), attentionMask };
}

/** The tensors that `outputs` ask for, by name. */
export async function weightFeeds(
  weights: WeightSource,
  outputs: Value[],
): Promise<Record<string, Float32Array>> {
  const feeds: Record<string, Float32Array> = {};
  for (const { name } of topologicalOrder(outputs)) {
    if (name !== null && weights.has(name)) feeds[name] = await weights.readFloat32(name);
  }
  return feeds;
}

/** Logits `[batch · sequence, vocabulary]` of the whole model as one graph. */
export async function wholeModelLogits(
  weights: WeightSource,
  shape: BatchShape,
  { tokens, attentionMask }: TokenBatch,
  on: Engine = engine,
): Promise<Numbers> {
  const context = denseContext(weights, shape, attentionMask !== undefined);
  const logits = modelLogits(input("tokens", [shape.batch * shape.sequence], "i32"), context);
  const feeds = { ...await weightFeeds(weights, [logits]), tokens };
  return await runOnce(on, logits, attentionMask ? { ...feeds, attentionMask } : feeds);
}

/** Logits of each batch, layer by layer: the pipeline, and the head on its hidden states. */
export async function layerwiseLogits(
  weights: WeightSource,
  shape: BatchShape,
  batches: TokenBatch[],
  visit?: VisitInputs,
  on: Engine = engine,
): Promise<Numbers[]> {
  const padded = batches[0].attentionMask !== undefined;
  using model = new PlacedModel(on, modelTensors(weights, on));
  const { layers } = model.tensors;
  const options = { padded, observed: visit !== undefined, layers };
  const pipeline = await DecoderPipeline.compile(on, weights.config, shape, options);
  const states = await on.read(await pipeline.forward(model, batches, { visit }));
  await pipeline.release();
  const hidden = input("hidden", [shape.batch * shape.sequence, weights.config.hiddenSize]);
  const logits = headLogits(hidden, denseContext(weights, shape));
  const feeds = await weightFeeds(weights, [logits]);
  return await Promise.all(states.map((hidden) => runOnce(on, logits, { ...feeds, hidden })));
}

/** Compiles the graph of one output, runs it once, and frees it. */
async function runOnce(
  on: Engine,
  output: Value,
  feeds: Record<string, Numbers>,
): Promise<Numbers> {
  const program = await on.compile({ output });
  const results = await program.run(feeds);
  await program.release();
  return results.output;
}
