/**
 * A model's weights where an engine computes: they stay there where they fit, and come layer by layer
 * where they do not, so that a checkpoint of any size needs the memory of one layer.
 */

import { nameInLayer, storedTensor } from "../checkpoint/weights.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import type { ModelTensors } from "./model_tensors.ts";

/** Weights of one layer, or of an end of the model, for the inputs of one run. */
export interface PlacedWeights extends Disposable {
  /** By the names of the compiled graph's inputs. */
  readonly feeds: Readonly<Record<string, Placed>>;
}

/** A model placed on an engine. Dispose of it to free the memory. */
export class PlacedModel implements Disposable {
  /** Whether weights stay placed between runs. */
  readonly resident: boolean;
  readonly #room: Disposable | null;
  readonly #kept = new Map<string, Promise<Placed>>();

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
    this.#room = runs === "often" ? engine.memory.keep(tensors.byteLength) : null;
    this.resident = this.#room !== null;
  }

  /**
   * The inputs of a graph that was compiled for layer 0, placed for layer `index`. Dispose of them
   * after the run.
   */
  async layer(inputs: readonly string[], index: number): Promise<PlacedWeights> {
    const feeds: Record<string, Placed> = {};
    const release = () => {
      if (!this.resident) Object.values(feeds).forEach((each) => each.release());
    };
    try {
      for (const input of inputs) {
        feeds[input] = await this.#placed(nameInLayer(input, index));
      }
    } catch (error) {
      release();
      throw error;
    }
    return { feeds, [Symbol.dispose]: release };
  }

  /** Frees all weights that stayed. */
  [Symbol.dispose](): void {
    // What could not be placed told so when it was asked for.
    for (const each of this.#kept.values()) each.then((placed) => placed.release(), () => {});
    this.#kept.clear();
    this.#room?.[Symbol.dispose]();
  }

  #placed(input: string): Promise<Placed> {
    const name = storedTensor(this.tensors.config, input);
    const known = this.#kept.get(name);
    if (known) return known;
    const placed = this.tensors.read(name).then((numbers) => this.engine.place(numbers, name));
    if (this.resident) this.#kept.set(name, placed);
    return placed;
  }
}
