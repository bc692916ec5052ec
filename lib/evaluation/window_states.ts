/**
 * What a model makes of windows of a text: its last hidden states where they predict a scored token. A model
 * that stays on the engine takes one batch after the other through all layers; one that is streamed takes as
 * many through each layer as memory has room for. Scores of them are `scoring_head.ts`.
 */

import type { WeightSource } from "../checkpoint/weights.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import type { MemoryBudget } from "../graph/memory.ts";
import { releaseAll } from "../graph/program_cache.ts";
import { formsKey, graphKey } from "../model/linear.ts";
import type { ModelTensors } from "../model/model_tensors.ts";
import { DecoderPipeline } from "../model/pipeline.ts";
import type { PlacedModels } from "../model/placed_models.ts";
import {
  batchGroups,
  perRow,
  predictingRows,
  RowPicker,
  type WindowBatch,
  type WindowWork,
} from "./window_batches.ts";

/** The states of one batch. */
export interface BatchStates {
  readonly batch: WindowBatch;
  /** `[rows · scored, hidden]`, which the caller releases. */
  readonly hidden: Placed;
}

/** Bytes of hidden states that go through a streamed model together: at least, and at most. */
const STREAMED = { least: 2 ** 26, most: 2 ** 30, ofAll: 1 / 8 };

/** Compiled passes of models whose hidden states are of one width. */
export class WindowStates {
  readonly #pipelines = new Map<string, Promise<DecoderPipeline>>();
  readonly #pickers = new Map<string, Promise<RowPicker>>();

  constructor(
    readonly engine: Engine,
    readonly hiddenSize: number,
    readonly models: PlacedModels,
  ) {}

  /** The states of batches, in their order, each as soon as the engine has its work. */
  async *of(
    model: WeightSource,
    tokens: Int32Array,
    batches: readonly WindowBatch[],
    work: WindowWork,
  ): AsyncGenerator<BatchStates, void> {
    const weights = this.models.of(model);
    const together = weights.resident ? 0 : streamedBytes(this.engine.memory);
    for (const group of batchGroups(batches, this.hiddenSize, together)) {
      const pipeline = await this.#pipeline(group[0], weights.tensors);
      const inputs = group.map((batch) => ({
        tokens: perRow(batch, ({ begin, end }) => tokens.subarray(begin, end)),
      }));
      const states = await pipeline.forward(weights, inputs, {
        signal: work.signal,
        onProgress: ({ done }) => work.did(group[(done - 1) % group.length]),
      });
      try {
        for (const batch of group) {
          const picker = await this.#picker(batch);
          const hidden = await picker.pick(states[0], predictingRows(batch));
          states.shift()!.release();
          yield { batch, hidden };
        }
      } finally {
        states.forEach((each) => each.release());
      }
    }
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    await releaseAll(this.#pipelines.values());
    await releaseAll(this.#pickers.values());
  }

  #picker({ rows, length, scored }: WindowBatch): Promise<RowPicker> {
    const key = `${rows} × ${length} of ${scored}`;
    const known = this.#pickers.get(key) ??
      RowPicker.compile(this.engine, rows * length, this.hiddenSize, rows * scored);
    this.#pickers.set(key, known);
    return known;
  }

  #pipeline(
    { rows, length }: WindowBatch,
    { config, layers }: ModelTensors,
  ): Promise<DecoderPipeline> {
    const key = `${rows} × ${length} ${graphKey(config)} ${formsKey(config, layers)}`;
    const shape = { batch: rows, sequence: length };
    const known = this.#pipelines.get(key) ??
      DecoderPipeline.compile(this.engine, config, shape, { layers });
    this.#pipelines.set(key, known);
    return known;
  }
}

function streamedBytes({ bytes }: MemoryBudget): number {
  return Math.max(STREAMED.least, Math.min(STREAMED.most, bytes * STREAMED.ofAll));
}
