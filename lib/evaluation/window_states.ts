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
import { DecoderPipeline, type LayerBorder } from "../model/pipeline.ts";
import type { PlacedModel } from "../model/placed_model.ts";
import type { PlacedModels } from "../model/placed_models.ts";
import type { KeptBorder, KeptPass } from "./kept_scores.ts";
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

/** What of a pass is kept, and where it goes on. */
export interface KeptStates {
  /** Where; default: nowhere. */
  readonly kept?: KeptPass | null;
  /** The first batch that is asked for; default: the first. */
  readonly begin?: number;
  /** Whether last states are kept to the end of the evaluation; default: until they are scored. */
  readonly stays?: boolean;
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

  /**
   * The states of batches, in their order, each as soon as the engine has its work.
   *
   * @param kept what an earlier run came to, and where this one keeps what it comes to; default: nowhere.
   */
  async *of(
    model: WeightSource,
    tokens: Int32Array,
    batches: readonly WindowBatch[],
    work: WindowWork,
    { kept = null, begin = 0, stays = false }: KeptStates = {},
  ): AsyncGenerator<BatchStates, void> {
    const weights = this.models.of(model);
    const { layerCount } = weights.tensors.config;
    const together = weights.resident ? 0 : streamedBytes(this.engine.memory);
    const groups = (first: number) => batchGroups(batches.slice(first), this.hiddenSize, together);
    const groupBytes = weights.tensors.byteLength;
    if (!weights.resident) work.streams(groups(begin).length * groupBytes);
    for (let first = begin; first < batches.length;) {
      const ends = await kept?.ends(first) ?? [];
      const border = ends.length === 0 ? await kept?.border(first) ?? null : null;
      const alike = ends.length || border?.states.length;
      const group = alike ? batches.slice(first, first + alike) : groups(first)[0];
      const hidden = ends.length > 0 ? await this.#place(ends) : await this.#run(
        weights,
        tokens,
        group,
        work,
        border,
        kept && ((each) => kept.keepBorder(first, each)),
      );
      try {
        if (ends.length > 0) {
          group.forEach((batch) => work.resume(batch, layerCount));
          work.resumeBytes(groupBytes);
        } else await kept?.keepEnds(first, hidden, stays);
        for (const batch of group) yield { batch, hidden: hidden.shift()! };
      } finally {
        hidden.forEach((each) => each.release());
      }
      first += group.length;
    }
  }

  /** The last states of batches that go through the layers together. */
  async #run(
    weights: PlacedModel,
    tokens: Int32Array,
    group: readonly WindowBatch[],
    work: WindowWork,
    border: KeptBorder | null,
    between: ((border: LayerBorder) => Promise<void>) | null,
  ): Promise<Placed[]> {
    const { byteLength, config: { layerCount } } = weights.tensors;
    const pipeline = await this.#pipeline(group[0], weights.tensors);
    const inputs = group.map((batch) => ({
      tokens: perRow(batch, ({ begin, end }) => tokens.subarray(begin, end)),
    }));
    group.forEach((batch) => work.resume(batch, border?.next ?? 0));
    work.resumeBytes((border?.next ?? 0) * byteLength / layerCount);
    const states = await pipeline.forward(weights, inputs, {
      from: border && { next: border.next, states: await this.#place(border.states) },
      between: between ?? undefined,
      signal: work.signal,
      onProgress({ done }) {
        work.read(byteLength / layerCount / group.length);
        work.did(group[(done - 1) % group.length]);
      },
    });
    const picked: Placed[] = [];
    try {
      for (const batch of group) {
        const picker = await this.#picker(batch);
        picked.push(await picker.pick(states[0], predictingRows(batch)));
        states.shift()!.release();
      }
      return picked;
    } catch (error) {
      picked.forEach((each) => each.release());
      throw error;
    } finally {
      states.forEach((each) => each.release());
    }
  }

  async #place(arrays: readonly Float32Array[]): Promise<Placed[]> {
    return await Promise.all(arrays.map((each) => this.engine.place(each, "hidden states")));
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
