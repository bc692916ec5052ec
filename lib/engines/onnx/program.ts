/**
 * A graph compiled for the CPU: its stretches on ONNX Runtime, fed with what the engine widens and forms, and its other
 * ops on the thread team.
 */

import type * as Runtime from "onnxruntime-node";
import { elementCount } from "../../checkpoint/tensor.ts";
import type { Feed, Placed, Program } from "../../graph/engine.ts";
import type { Numbers, Value } from "../../graph/graph.ts";
import { type Compiled, resultName, type Stage } from "./compile.ts";
import { fitting } from "./feeds.ts";
import { emptyNumbers, HostNumbers, StoredNumbers } from "./placed.ts";
import type { Turns } from "../../util/turns.ts";
import type { Scratch } from "./scratch.ts";
import { TeamStage } from "./team/stage.ts";

/** What programs of one engine share. */
export interface ProgramState {
  readonly runtime: typeof Runtime;
  readonly scratch: Scratch;
  readonly turns: Turns;
}

/**
 * A program of the CPU engine. Runs of all programs take turns: each has all threads, and what is widened for it
 * lies in memory that the next one writes over.
 */
export class OnnxProgram implements Program {
  constructor(readonly state: ProgramState, readonly compiled: Compiled) {}

  async keep(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Placed>> {
    const results = await this.run(feeds);
    return Object.fromEntries(
      Object.entries(results).map(([name, numbers]) => [name, new HostNumbers(numbers, true)]),
    );
  }

  async run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Numbers>> {
    // What is fed may be released before the run has its turn.
    using held = new DisposableStack();
    const fed = new Map<Value, Numbers | StoredNumbers>();
    for (const [name, value] of this.compiled.inputs) {
      const feed = name in feeds ? feeds[name] : undefined;
      if (feed instanceof HostNumbers || feed instanceof StoredNumbers) held.use(feed.hold());
      fed.set(value, fitting(name, value, feed));
    }
    return await this.state.turns.take(() => this.#run(fed));
  }

  async release(): Promise<void> {
    for (const { computes } of this.compiled.stages) await computes.release();
  }

  async #run(
    fed: ReadonlyMap<Value, Numbers | StoredNumbers>,
  ): Promise<Record<string, Numbers>> {
    const { outputs, inputs, stages } = this.compiled;
    const made: Record<string, Numbers> = {};
    const computed = new Map<Value, Numbers>();
    const feedOf = (input: Value) => fed.get(inputs.get(input.name!)!)!;
    for (const stage of stages) {
      const { computes } = stage;
      for (const [name, value] of stage.outputs) made[name] = emptyNumbers(value);
      if (computes instanceof TeamStage) {
        const given = this.#given(stage, feedOf, computed, false);
        const [result, ...others] = [...stage.outputs.keys()].map((name) => made[name]);
        await computes.run(given, result, this.state.scratch.kernels);
        others.forEach((each) => each.set(result));
      } else {
        const given = this.#given(stage, feedOf, computed, true);
        const feeds = [...stage.inputs].map((
          [name, value],
        ) => [name, this.#tensor(given.get(name) as Numbers, value)]);
        const results = [...stage.outputs].map(([name, value]) => [
          `output:${name}`,
          this.#tensor(made[name], value),
        ]);
        await computes.run(Object.fromEntries(feeds), Object.fromEntries(results));
      }
      for (const [name, value] of stage.outputs) {
        if (value.name === null) computed.set(value, made[name]);
      }
    }
    return Object.fromEntries(Object.keys(outputs).map((name) => [name, made[resultName(name)]]));
  }

  /**
   * What a stage reads: as it was fed or computed before, or made for this run in the scratch memory.
   *
   * @param isWidened whether what is stored otherwise than ONNX Runtime has it is made so.
   */
  #given(
    { inputs }: Stage,
    feedOf: (input: Value) => Numbers | StoredNumbers,
    computed: ReadonlyMap<Value, Numbers>,
    isWidened: boolean,
  ): ReadonlyMap<string, Numbers | StoredNumbers> {
    const { scratch } = this.state;
    const { kernels } = scratch;
    const made = [...inputs.values()].filter((value) =>
      value.name === null
        ? !computed.has(value)
        : isWidened && feedOf(value) instanceof StoredNumbers
    );
    const memory = new Map(
      scratch.take(made.map(({ shape }) => elementCount(shape)))
        .map((floats, index) => [made[index], floats]),
    );
    const forming = new Set(made.flatMap((value) => this.compiled.formations.get(value) ?? []));
    for (const formation of forming) formation.form(kernels, feedOf, memory);
    return new Map(
      [...inputs].map(([name, value]) => {
        const floats = memory.get(value);
        if (!floats) return [name, computed.get(value) ?? feedOf(value)];
        const numbers = value.type === "f32"
          ? floats
          : new Int32Array(floats.buffer, floats.byteOffset, floats.length);
        if (value.name !== null) (feedOf(value) as StoredNumbers).into(kernels, numbers);
        return [name, numbers];
      }),
    );
  }

  #tensor(numbers: Numbers, { shape }: Value): Runtime.Tensor {
    const { Tensor } = this.state.runtime;
    return numbers instanceof Float32Array
      ? new Tensor("float32", numbers, shape)
      : new Tensor("int32", numbers, shape);
  }
}
