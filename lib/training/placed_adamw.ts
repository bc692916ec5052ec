/**
 * AdamW on parameters that an engine holds, in float32 on the engine: parameters, moments and gradients as
 * large as a vocabulary move nowhere. On arrays of this process it is `adamw.ts`, in float64.
 */

import type { Engine, Placed, Program } from "../graph/engine.ts";
import { input, type Value } from "../graph/graph.ts";
import {
  add,
  broadcastTo,
  constant,
  divide,
  multiply,
  scaleBy,
  squareRoot,
  subtract,
} from "../graph/ops/elementwise.ts";
import { ProgramCache } from "../graph/program_cache.ts";
import type { AdamW, AdamWSettings, StepFactors } from "./adamw.ts";

/** The numbers of one parameter on the engine. */
type Held = Readonly<Record<"parameter" | "first" | "second", Placed>>;

/** Parameters of an optimiser on an engine. Dispose of it to free them. */
export class PlacedAdamW implements AsyncDisposable {
  readonly #programs: ProgramCache;
  readonly #held = new Map<string, Held>();

  private constructor(readonly engine: Engine, readonly optimizer: AdamW) {
    this.#programs = new ProgramCache(engine);
  }

  /** Places the parameters `names` of an optimiser, and their moments, as they are now. */
  static async start(
    engine: Engine,
    optimizer: AdamW,
    names: readonly string[],
  ): Promise<PlacedAdamW> {
    await using placed = new AsyncDisposableStack();
    const started = placed.use(new PlacedAdamW(engine, optimizer));
    for (const name of names) {
      using held = new DisposableStack();
      const place = async (numbers: Float32Array, what: string) =>
        held.adopt(await engine.place(numbers, what), (each) => each.release());
      const { first, second } = optimizer.moments.get(name)!;
      started.#held.set(name, {
        parameter: await place(optimizer.parameters.get(name)!, name),
        first: await place(first, `first moment of ${name}`),
        second: await place(second, `second moment of ${name}`),
      });
      held.move();
    }
    placed.move();
    return started;
  }

  /** The parameters, as they are now; they hold until the next step. */
  get parameters(): ReadonlyMap<string, Placed> {
    return new Map([...this.#held].map(([name, { parameter }]) => [name, parameter]));
  }

  /** Moves one parameter against its gradient. */
  async step(name: string, gradient: Placed, factors: StepFactors): Promise<void> {
    const before = this.#held.get(name)!;
    const program = await this.#program(gradient.length);
    const { rate, correction, kept } = factors;
    const after = await program.keep({
      ...before,
      gradient,
      rate: Float32Array.of(rate),
      correction: Float32Array.of(correction),
      kept: Float32Array.of(kept),
    });
    this.#held.set(name, after as Held);
    for (const each of Object.values(before)) each.release();
  }

  /** Writes parameters and moments back to the optimiser's arrays. */
  async store(): Promise<void> {
    for (const [name, { parameter, first, second }] of this.#held) {
      const [values, ofFirst, ofSecond] = await this.engine.read([parameter, first, second]);
      this.optimizer.parameters.get(name)!.set(values);
      this.optimizer.moments.get(name)!.first.set(ofFirst);
      this.optimizer.moments.get(name)!.second.set(ofSecond);
    }
  }

  /** Frees what the engine holds. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of this.#held.values()) {
      for (const each of Object.values(held)) each.release();
    }
    this.#held.clear();
    await this.#programs[Symbol.asyncDispose]();
  }

  #program(length: number): Promise<Program> {
    return this.#programs.get(`${length}`, () => stepOf(length, this.optimizer.settings));
  }
}

/** Loshchilov & Hutter 2019, algorithm 2: parameter and moments after a step. */
function stepOf(
  length: number,
  { betas: [beta1, beta2], epsilon }: AdamWSettings,
): Record<keyof Held, Value> {
  const [parameter, gradient] = [input("parameter", [length]), input("gradient", [length])];
  const first = add(scaleBy(input("first", [length]), beta1), scaleBy(gradient, 1 - beta1));
  const squares = multiply(gradient, gradient);
  const second = add(scaleBy(input("second", [length]), beta2), scaleBy(squares, 1 - beta2));
  const [rate, correction, kept] = ["rate", "correction", "kept"].map((name) => input(name, []));
  const offset = broadcastTo(constant(Float32Array.of(epsilon), []), [length]);
  const spread = add(multiply(squareRoot(second), correction), offset);
  const moved = divide(multiply(first, rate), spread);
  return { parameter: subtract(multiply(parameter, kept), moved), first, second };
}
