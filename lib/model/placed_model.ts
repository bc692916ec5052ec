/**
 * A model's weights where an engine computes: they stay there where they fit, and come layer by layer
 * where they do not, so that a checkpoint of any size needs the memory of one layer, and of the next where
 * it is read while one computes.
 */

import { nameInLayer, PROJECTIONS, storedTensor } from "../checkpoint/weights.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import type { Numbers } from "../graph/graph.ts";
import { POOL_SIZE } from "../util/worker_pool.ts";
import type { Held } from "../graph/residents.ts";
import type { ModelTensors } from "./model_tensors.ts";
import { NOWHERE, type Residence, residenceOf } from "./residence.ts";

/** Weights of one layer, or of an end of the model, for the inputs of one run. */
export interface PlacedWeights extends Disposable {
  /** By the names of the compiled graph's inputs. */
  readonly feeds: Readonly<Record<string, Placed>>;
}

/**
 * The run from which weights that stay are kept as floats: making room for them takes as long as widening them
 * for several runs, and most models are run a few times.
 */
const WIDE_FROM = 5;

/** Tensors that are read at once: as many as there are threads for, up to those of a decoder layer. */
const AT_ONCE = Math.min(POOL_SIZE - 1 || 1, PROJECTIONS.length);

/**
 * A model placed on an engine. Dispose of it to free the memory.
 *
 * @example
 * ```ts
 * import { Checkpoint, onnxEngine, PlacedModels, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using models = new PlacedModels(onnxEngine());
 * const norm = "model.layers.0.input_layernorm.weight";
 * // Under the name that it has in layer 0, of layer 1.
 * using weights = await models.of(model).layer([norm], 1);
 * assert.equal(weights.feeds[norm].length, model.config.hiddenSize);
 * ```
 */
export class PlacedModel implements Disposable {
  readonly #residence: Residence;
  /** For whom weights of a layer that comes next stay. */
  readonly #next = {};
  /** How often a layer was asked for. */
  #turn = 0;
  /** How often each tensor was. */
  readonly #uses = new Map<string, number>();

  /**
   * Places nothing yet.
   *
   * @param runs how often the model is run: of one that is run once no weight stays.
   */
  constructor(
    readonly engine: Engine,
    readonly tensors: ModelTensors,
    { runs = "often" }: { readonly runs?: "once" | "often" } = {},
  ) {
    this.#residence = runs === "often" ? residenceOf(tensors, engine.memory) : NOWHERE;
  }

  /** Whether all weights stay placed between runs, unless other work needs their room. */
  get resident(): boolean {
    return this.#residence.isWhole;
  }

  /**
   * The inputs of a graph that was compiled for layer 0, placed for layer `index`. Dispose of them
   * after the run.
   */
  async layer(inputs: readonly string[], index: number): Promise<PlacedWeights> {
    this.#turn++;
    const feeds: Record<string, Placed> = {};
    const held: Held[] = [];
    const release = () => held.splice(0).forEach((each) => each[Symbol.dispose]());
    const begun: Promise<Held>[] = [];
    try {
      for (const [at, input] of inputs.entries()) {
        // Some are read while the one before them is placed.
        while (begun.length < Math.min(inputs.length, at + 1 + AT_ONCE)) {
          const taken = this.#take(inputs[begun.length], index);
          // What fails is told in its turn.
          taken.catch(() => {});
          begun.push(taken);
        }
        const each = await begun[at];
        held.push(each);
        feeds[input] = each.placed;
      }
    } catch (error) {
      for (const each of begun.slice(held.length)) {
        each.then((late) => late[Symbol.dispose](), () => {});
      }
      release();
      throw error;
    }
    return { feeds, [Symbol.dispose]: release };
  }

  /**
   * Starts to place the weights of a layer that is asked for next, as many of the first as the engine has room
   * for beside the layer that it computes. What fails here is told when the layer is asked for.
   */
  ahead(inputs: readonly string[], index: number): void {
    const { memory } = this.engine;
    let bytes = 0;
    const names = inputs.map((input) => this.#name(input, index)).filter((name) => {
      bytes += this.tensors.bytesOf(name);
      return bytes <= memory.ahead;
    });
    void this.#prepare(names, this.#turn);
  }

  /** Frees all weights that stayed. */
  [Symbol.dispose](): void {
    const { residents } = this.engine.memory;
    this.#turn++;
    residents.drop(this.#next);
    residents.drop(this);
    this.#residence[Symbol.dispose]();
  }

  async #prepare(names: readonly string[], turn: number): Promise<void> {
    const { residents } = this.engine.memory;
    const waiting = [...names];
    const prepareAll = async () => {
      // Once the layer itself is asked for, it asks for what is missing.
      while (waiting.length > 0 && this.#turn === turn) {
        const name = waiting.shift()!;
        await residents.prepare(this.tensors.origin(name), this.#next, () => this.#place(name));
      }
    };
    await Promise.allSettled(Array.from({ length: AT_ONCE }, prepareAll));
  }

  async #take(input: string, index: number): Promise<Held> {
    const { residents } = this.engine.memory;
    const name = this.#name(input, index);
    const origin = this.tensors.origin(name);
    const keeper = this.#residence.stays(name) ? this : null;
    const uses = 1 + (this.#uses.get(name) ?? 0);
    this.#uses.set(name, uses);
    const held = await residents.take(origin, keeper, () => this.#place(name));
    residents.drop(this.#next, origin);
    if (!keeper || uses !== WIDE_FROM || !this.#residence.isWide) return held;
    const [wide] = await this.#read(held);
    // It stays as it is stored where it stays for another model too.
    residents.drop(keeper, origin);
    return await residents.take(origin, keeper, () => this.engine.place(wide, name));
  }

  async #read(held: Held): Promise<Numbers[]> {
    using _held = held;
    return await this.engine.read([held.placed]);
  }

  async #place(name: string): Promise<Placed> {
    const numbers = await this.tensors.read(name);
    const placed = await this.engine.place(numbers, name);
    if (placed.isCopy) this.tensors.giveBack?.(name, numbers);
    return placed;
  }

  #name(input: string, index: number): string {
    return storedTensor(this.tensors.config, nameInLayer(input, index));
  }
}
