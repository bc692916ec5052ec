/** Runs a text step by step, as generation does, and whole as one graph, for tests that hold one against the other. */

import type { WeightSource } from "../../../lib/checkpoint/weights.ts";
import type { Engine } from "../../../lib/graph/engine.ts";
import { BaseWeights } from "../../../lib/model/serving/base_weights.ts";
import type { BatchModel, Sequence } from "../../../lib/model/serving/batch_model.ts";
import { RowModel, type RowModelOptions } from "../../../lib/model/serving/row_model.ts";
import { wholeModelLogits } from "../decoder_programs.ts";

/** Sequences of one model on an engine, freed with its weights when `use` is done. */
export async function withRows<Result>(
  engine: Engine,
  model: WeightSource,
  options: RowModelOptions,
  use: (rows: RowModel) => Promise<Result>,
): Promise<Result> {
  using weights = await BaseWeights.place(engine, model);
  await using rows = await RowModel.open(engine, model.config, weights, options);
  return await use(rows);
}

/** Runs a prompt in chunks; the logits after each of them, by the position of its last token. */
export async function prefillChunks(
  model: BatchModel,
  sequence: Sequence,
  prompt: Int32Array,
): Promise<Map<number, Float32Array>> {
  const found = new Map<number, Float32Array>();
  for (let begin = 0; begin < prompt.length; begin += model.chunk) {
    const chunk = prompt.slice(begin, begin + model.chunk);
    found.set(begin + chunk.length - 1, await model.prefill(sequence, chunk));
  }
  return found;
}

/** Logits of a text by position: of its prompt after each chunk, of the rest after each token. */
export async function stepwiseLogits(
  model: BatchModel,
  tokens: Int32Array,
  prompt: number,
  room = tokens.length,
): Promise<Map<number, Float32Array>> {
  const sequence = model.start(null, room);
  try {
    const found = await prefillChunks(model, sequence, tokens.slice(0, prompt));
    for (let at = prompt; at < tokens.length; at++) {
      found.set(at, (await model.decode([{ sequence, token: tokens[at] }]))[0]);
    }
    return found;
  } finally {
    sequence.release();
  }
}

/** Logits after each token of a text, by the graph of the whole model, without a cache. */
export async function wholeLogits(
  model: WeightSource,
  tokens: Int32Array,
): Promise<(position: number) => Float32Array> {
  const logits = await wholeModelLogits(model, { batch: 1, sequence: tokens.length }, { tokens });
  const width = model.config.vocabularySize;
  return (position) => (logits as Float32Array).subarray(position * width, (position + 1) * width);
}
