/**
 * The models that work goes on with, placed for as long as they fit: what is scored again, by another protocol
 * or on another text, is not read again. One model is `placed_model.ts`.
 */

import { layerPrefix, tensorNames, type WeightSource } from "../checkpoint/weights.ts";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../util/progress.ts";
import { type ModelTensors, modelTensors } from "./model_tensors.ts";
import { PlacedModel } from "./placed_model.ts";

/** Models that stay at most: a base, its fine-tune, and two deltas on the base. */
const MOST_MODELS = 4;

/**
 * Models on one engine. Dispose of it to free them.
 *
 * @example
 * ```ts
 * import { Checkpoint, onnxEngine, PlacedModels, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using models = new PlacedModels(onnxEngine());
 * assert.equal(models.of(model), models.of(model));
 * ```
 */
export class PlacedModels implements Disposable {
  /** Least recently used first. */
  readonly #models = new Map<WeightSource, PlacedModel>();

  /** None yet. */
  constructor(readonly engine: Engine) {}

  /** A model, for which others make room, least recently used first; it holds until another is asked for. */
  of(model: WeightSource): PlacedModel {
    const known = this.#models.get(model);
    this.#models.delete(model);
    if (known && (known.resident || this.#models.size === 0)) {
      this.#models.set(model, known);
      return known;
    }
    known?.[Symbol.dispose]();
    const tensors = modelTensors(model, this.engine);
    while (this.#models.size > 0 && !this.#hasRoom(tensors)) this.#dropOldest();
    if (this.#models.size === MOST_MODELS) this.#dropOldest();
    return this.#place(model, tensors);
  }

  /**
   * A model beside the one that was asked for last, for which none makes room: weights of one that is not
   * there come and go. Dispose of it after its use.
   */
  beside(model: WeightSource): { readonly placed: PlacedModel } & Disposable {
    const known = this.#models.get(model);
    if (known?.resident) return { placed: known, [Symbol.dispose]: () => {} };
    const placed = new PlacedModel(this.engine, modelTensors(model, this.engine), { runs: "once" });
    return { placed, [Symbol.dispose]: () => placed[Symbol.dispose]() };
  }

  /**
   * Places the tensors of a model, for which no other makes room, before it is asked for: a checkpoint that
   * stays has passed by when it is to be hashed. Of a model that does not stay nothing is read.
   */
  async fill(model: WeightSource, { onProgress, signal }: Watch = {}): Promise<void> {
    const tensors = modelTensors(model, this.engine);
    const known = this.#models.get(model);
    if (known ? !known.resident : !this.#hasRoom(tensors)) return;
    const placed = known ?? this.#place(model, tensors);
    const { config } = model;
    const names = tensorNames(config).filter((name) => tensors.bytesOf(name) > 0);
    const isEnd = (name: string) => !/^model\.layers\./.test(name);
    const place = async (inputs: readonly string[], index: number) => {
      signal?.throwIfAborted();
      using _placed = await placed.layer(inputs, index);
      onProgress?.({ done: index + 1, total: config.layerCount, label: `layers of ${model.name}` });
    };
    await place(names.filter(isEnd), 0);
    const ofLayer = names.filter((name) => name.startsWith(layerPrefix(0)));
    for (let index = 0; index < config.layerCount; index++) await place(ofLayer, index);
  }

  /** Frees them all. */
  [Symbol.dispose](): void {
    for (const placed of this.#models.values()) placed[Symbol.dispose]();
    this.#models.clear();
  }

  #place(model: WeightSource, tensors: ModelTensors): PlacedModel {
    const placed = new PlacedModel(this.engine, tensors);
    this.#models.set(model, placed);
    return placed;
  }

  /** Whether all of a model would stay, as it is stored at least. */
  #hasRoom({ byteLength }: ModelTensors): boolean {
    using room = this.engine.memory.keep(byteLength);
    return room !== null;
  }

  #dropOldest(): void {
    const [[oldest, placed]] = this.#models;
    placed[Symbol.dispose]();
    this.#models.delete(oldest);
  }
}
