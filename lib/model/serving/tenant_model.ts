/**
 * A base and tenants on it, of which any number of sequences run together. Not here: how their rows are run
 * (`row_model.ts`), and what their weights are (`base_weights.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { WeightSource } from "../../checkpoint/weights.ts";
import type { Engine } from "../../graph/engine.ts";
import { ServingError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import type { Delta } from "../../delta/delta.ts";
import { BaseWeights } from "./base_weights.ts";
import type { NextToken, Sequence, TenantHost } from "./batch_model.ts";
import { RowModel, type RowModelOptions } from "./row_model.ts";
import { TenantWeights } from "./tenant_weights.ts";

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
export class TenantModel implements TenantHost {
  readonly #rows: RowModel;
  readonly #weights: TenantWeights;

  private constructor(rows: RowModel, weights: TenantWeights) {
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
    const weights = new TenantWeights(opened.use(await BaseWeights.place(engine, base, options)));
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

  start(tenant: string | null, tokens: number, prompt?: number): Sequence {
    this.#weights.configOf(tenant);
    return this.#rows.start(tenant, tokens, prompt);
  }

  prefill(sequence: Sequence, tokens: Int32Array, isLast?: boolean): Promise<Float32Array> {
    return this.#rows.prefill(sequence, tokens, isLast);
  }

  decode(next: readonly NextToken[]): Promise<Float32Array[]> {
    return this.#rows.decode(next);
  }

  get tenants(): ReadonlyMap<string, number> {
    return this.#weights.tenants;
  }

  bytesOf(delta: Delta): number {
    return this.#weights.bytesOf(delta);
  }

  async load(name: string, delta: Delta, watch: Watch = {}): Promise<void> {
    await this.#weights.load(name, delta, (work) => this.#rows.between(work), watch);
  }

  unload(name: string): void {
    this.#weights.configOf(name);
    const running = this.#rows.sequencesOf(name);
    if (running > 0) {
      throw new ServingError({
        problem: `'${name}' cannot be unloaded while sequences of it run`,
        value: running,
        expected: "none that is not released",
      });
    }
    this.#weights.unload(name, (work) => this.#rows.between(work));
  }

  /** Waits for runs that were asked for, and frees everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#weights.stop();
    await this.#rows[Symbol.asyncDispose]();
    this.#weights[Symbol.dispose]();
    this.#weights.base[Symbol.dispose]();
  }
}
