/**
 * The loss of a distillation in the fastest way that an engine has memory for: both models as one graph, or layer
 * by layer, of weights that stay or that are streamed.
 */

import type { Engine } from "../graph/engine.ts";
import { DeviceMemoryError } from "../util/errors.ts";
import type { CompiledLoss, LossResult, ParameterFeeds } from "./compiled_loss.ts";
import { type DistillationBatch, type DistillationModels, wholeModelLoss } from "./distillation.ts";
import { layerwiseLoss } from "./layerwise_distillation.ts";

/**
 * Compiles the loss. One graph is tried where the engine's budget has room for it or knows no bound; where the
 * device then refuses what it needs, at once or in a step, it is layer by layer from there on.
 *
 * @throws the signal's reason while weights are placed.
 */
export async function fittingLoss(
  engine: Engine,
  models: DistillationModels,
  signal?: AbortSignal,
): Promise<FittingLoss> {
  const loss = new FittingLoss(engine, models);
  try {
    await loss.compile(signal);
    return loss;
  } catch (error) {
    await loss.release();
    throw error;
  }
}

/** A loss that tells how it is computed. */
export class FittingLoss implements CompiledLoss<DistillationBatch> {
  /** While one graph of both models is what is tried: its room. */
  #room: Disposable | null;
  #loss: CompiledLoss<DistillationBatch> | null = null;
  #way = "as one graph";

  constructor(readonly engine: Engine, readonly models: DistillationModels) {
    const weights = models.teacher.byteLength + models.student.byteLength;
    // The way back takes about as much again as the weights.
    this.#room = engine.memory.keep(weights, weights);
  }

  /** `"as one graph"`, `"layer by layer"` or `"layer by layer, weights streamed"`. */
  get way(): string {
    return this.#way;
  }

  /** Compiles one of the ways. */
  async compile(signal?: AbortSignal): Promise<void> {
    if (this.#room) {
      await this.#unlessRefused(async () => {
        this.#loss = await wholeModelLoss(this.engine, this.models, signal);
      });
    }
    this.#loss ??= await this.#layerwise();
  }

  async run(
    parameters: ParameterFeeds,
    batch: DistillationBatch,
    signal?: AbortSignal,
  ): Promise<LossResult> {
    if (this.#room) {
      const result = await this.#unlessRefused(() => this.#loss!.run(parameters, batch, signal));
      if (result) return result;
    }
    this.#loss ??= await this.#layerwise();
    return await this.#loss.run(parameters, batch, signal);
  }

  async release(): Promise<void> {
    await this.#loss?.release();
    this.#loss = null;
    this.#room?.[Symbol.dispose]();
    this.#room = null;
  }

  /** The result of work of one graph; `null`, and nothing left of it, where the device has no room for it. */
  async #unlessRefused<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DeviceMemoryError)) throw error;
      await this.release();
      return null;
    }
  }

  async #layerwise(): Promise<CompiledLoss<DistillationBatch>> {
    const loss = await layerwiseLoss(this.engine, this.models);
    this.#way = `layer by layer${loss.isStreamed ? ", weights streamed" : ""}`;
    return loss;
  }
}
