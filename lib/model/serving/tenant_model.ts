/**
 * A base and tenants on it, of which any number of sequences run together. Not here: how their rows are run
 * (`row_model.ts`), and what their weights are (`base_weights.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { WeightSource } from "../../checkpoint/weights.ts";
import type { Engine } from "../../graph/engine.ts";
import { ServingError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { BaseWeights } from "./base_weights.ts";
import type { BatchModel, NextToken, Sequence } from "./batch_model.ts";
import { RowModel, type RowModelOptions } from "./row_model.ts";

/**
 * A base whose weights stay where an engine computes. Dispose of it to free them.
 *
 * @example
 * ```ts
 * import { Checkpoint, onnxEngine, projectPath, TenantModel } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * await using model = await TenantModel.open(onnxEngine(), base, { longest: 64 });
 * const sequence = model.start(null, 8);
 * const logits = await model.prefill(sequence, Int32Array.of(1, 5, 9));
 * assert.equal(logits.length, base.config.vocabularySize);
 * sequence.release();
 * ```
 */
export class TenantModel implements BatchModel, AsyncDisposable {
  readonly #rows: RowModel;
  readonly #weights: BaseWeights;

  private constructor(rows: RowModel, weights: BaseWeights) {
    this.#rows = rows;
    this.#weights = weights;
  }

  /**
   * Reads and places a base: a checkpoint, or any other source of weights.
   *
   * @throws {OptionError} if a size is none.
   * @throws {ServingError} if the engine's memory has no room for weights, keys and values.
   * @throws what the base throws when it is read.
   */
  static async open(
    engine: Engine,
    base: WeightSource,
    options: RowModelOptions & Watch = {},
  ): Promise<TenantModel> {
    using opened = new DisposableStack();
    const weights = opened.use(await BaseWeights.place(engine, base, options));
    const rows = await RowModel.open(engine, base.config, weights, options);
    opened.move();
    return new TenantModel(rows, weights);
  }

  get config(): DecoderConfig {
    return this.#rows.config;
  }

  get longest(): number {
    return this.#rows.longest;
  }

  get chunk(): number {
    return this.#rows.chunk;
  }

  get mostRows(): number {
    return this.#rows.mostRows;
  }

  get freeTokens(): number {
    return this.#rows.freeTokens;
  }

  start(tenant: string | null, tokens: number): Sequence {
    if (tenant === null) return this.#rows.start(tenant, tokens);
    const expected = "null, for the base";
    throw new ServingError({ problem: "there is no such tenant", value: tenant, expected });
  }

  prefill(sequence: Sequence, tokens: Int32Array): Promise<Float32Array> {
    return this.#rows.prefill(sequence, tokens);
  }

  decode(next: readonly NextToken[]): Promise<Float32Array[]> {
    return this.#rows.decode(next);
  }

  /** Waits for runs that were asked for, and frees everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rows[Symbol.asyncDispose]();
    this.#weights[Symbol.dispose]();
  }
}
