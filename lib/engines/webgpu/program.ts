/** A graph compiled for the GPU: fed from this process or from device memory, read back in one transfer. */

import { elementCount } from "../../checkpoint/tensor.ts";
import { DeviceError, GraphError } from "../../util/errors.ts";
import type { Feed, Placed, Program } from "../../graph/engine.ts";
import type { Numbers, Value } from "../../graph/graph.ts";
import type { Storage } from "./kernel.ts";
import type { DeviceBuffer } from "./device.ts";
import { Executable, type SharedState } from "./executable.ts";
import type { LoweredGraph, Tensor } from "./lower.ts";
import { describeKernel } from "./pipelines.ts";
import { type BufferPool, PlacedBuffer } from "./buffers.ts";
import { tensorBytes } from "./plan.ts";
import { ReservedBuffer } from "./reserved.ts";
import { firstNaN, type Readback, type Reading, requireNumbers } from "./transfer.ts";

/** What programs of one engine share. */
export interface ProgramState extends SharedState {
  readonly pool: BufferPool;
  readonly readback: Readback;
  /** Lowers a graph for inputs that are stored as `storage` says. */
  lower(
    outputs: Readonly<Record<string, Value>>,
    storage: (input: string) => Storage | undefined,
  ): Promise<LoweredGraph>;
}

/** Inputs of a graph by name. */
export type Inputs = ReadonlyMap<string, Value>;

type Feeds = Readonly<Record<string, Feed>>;

/** An output of a run, where it was computed. */
interface Result extends Reading {
  readonly name: string;
}

/** A run that was submitted; its outputs' buffers are given back by whoever has it. */
interface Run {
  readonly executable: Executable;
  readonly bound: ReadonlyMap<Tensor, DeviceBuffer>;
  readonly results: readonly Result[];
}

/** A program of the WebGPU engine. */
export class GpuProgram implements Program {
  /** Ready graphs by how their inputs are stored: kernels differ for 16-bit weights. */
  readonly #executables = new Map<string, Promise<Executable>>();
  readonly #uploads = new Map<string, DeviceBuffer>();

  constructor(
    readonly state: ProgramState,
    readonly outputs: Readonly<Record<string, Value>>,
    readonly inputs: Inputs,
  ) {}

  run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Numbers>> {
    return this.state.device.whileAlive(() => this.#run(feeds));
  }

  keep(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Placed>> {
    return this.state.device.whileAlive(() => this.#keep(feeds));
  }

  async release(): Promise<void> {
    for (const each of await Promise.allSettled(this.#executables.values())) {
      if (each.status === "fulfilled") each.value.release();
    }
    for (const buffer of this.#uploads.values()) this.state.pool.give(buffer);
    this.#executables.clear();
    this.#uploads.clear();
  }

  async #run(feeds: Feeds): Promise<Record<string, Numbers>> {
    const run = await this.#start(feeds);
    try {
      const read = await this.state.readback.read(run.results);
      for (const [index, numbers] of read.entries()) {
        if (numbers instanceof Int32Array || firstNaN(numbers) < 0) continue;
        await this.state.device.turns.take(() => this.#explain(run, feeds));
        requireNumbers(numbers, `output '${run.results[index].name}'`);
      }
      return Object.fromEntries(run.results.map(({ name }, index) => [name, read[index]]));
    } finally {
      for (const { buffer } of run.results) this.state.pool.give(buffer);
    }
  }

  async #keep(feeds: Feeds): Promise<Record<string, Placed>> {
    const { results } = await this.#start(feeds);
    return Object.fromEntries(results.map(({ name, type, length, buffer }) => {
      const purpose = `output '${name}' of ${this.outputs[name].operation}`;
      const release = () => this.state.pool.give(buffer);
      return [name, new PlacedBuffer(buffer, type, length, purpose, release)];
    }));
  }

  /** Submits all work. */
  async #start(feeds: Feeds): Promise<Run> {
    const storage = (input: string) => storageOf(feeds[input]);
    for (const [name, value] of this.inputs) requireFit(name, value, feeds[name]);
    const key = [...this.inputs.keys()].map(storage).join(" ");
    const known = this.#executables.get(key) ?? this.#make(storage);
    this.#executables.set(key, known);
    const executable = await known;
    // In turn, as all runs share the memory of feeds and of intermediate results.
    return await this.state.device.turns.take(() => this.#submit(executable, feeds));
  }

  async #submit(executable: Executable, feeds: Feeds): Promise<Run> {
    const results: Result[] = [];
    try {
      const bound = await this.#feedAll(executable, feeds);
      const copies: [from: Tensor, to: DeviceBuffer][] = [];
      for (const [name, tensor] of executable.graph.outputs) {
        const buffer = await this.state.pool.take(tensorBytes(tensor), `output '${name}'`);
        const type = tensor.storage === "i32" ? "i32" : "f32";
        results.push({ name, type, length: elementCount(tensor.shape), buffer });
        // An output that is an input or another output too is copied from there.
        if ("kernel" in tensor.source && !bound.has(tensor)) bound.set(tensor, buffer);
        else copies.push([tensor, buffer]);
      }
      await executable.submit(bound);
      if (copies.length > 0) this.#copy(copies, executable, bound);
      return { executable, bound, results };
    } catch (error) {
      for (const { buffer } of results) this.state.pool.give(buffer);
      throw error;
    }
  }

  async #feedAll(executable: Executable, feeds: Feeds): Promise<Map<Tensor, DeviceBuffer>> {
    const bound = new Map<Tensor, DeviceBuffer>();
    for (const [name, tensor] of executable.graph.inputs) {
      bound.set(tensor, await this.#feed(name, tensor, feeds[name]));
    }
    requireOwn(executable, bound, feeds);
    return bound;
  }

  #copy(
    copies: readonly [Tensor, DeviceBuffer][],
    executable: Executable,
    bound: ReadonlyMap<Tensor, DeviceBuffer>,
  ): void {
    const { gpu } = this.state.device;
    const encoder = gpu.createCommandEncoder();
    for (const [tensor, to] of copies) {
      const from = executable.bufferOf(tensor, bound, []);
      encoder.copyBufferToBuffer(from.gpu, 0, to.gpu, 0, to.byteLength);
    }
    gpu.queue.submit([encoder.finish()]);
  }

  async #make(storage: (input: string) => Storage | undefined): Promise<Executable> {
    return await Executable.make(this.state, await this.state.lower(this.outputs, storage));
  }

  async #feed(name: string, tensor: Tensor, feed: Feed): Promise<DeviceBuffer> {
    if (feed instanceof PlacedBuffer) return feed.buffer;
    const buffer = this.#uploads.get(name) ??
      await this.state.pool.take(tensorBytes(tensor), `input '${name}'`);
    this.#uploads.set(name, buffer);
    const { buffer: memory, byteOffset, byteLength } = feed as Numbers;
    this.state.device.write(buffer, new Uint8Array(memory, byteOffset, byteLength));
    return buffer;
  }

  /** Runs kernel by kernel, in turn, and throws an error that names the first one with a NaN. */
  async #explain({ executable, bound }: Run, feeds: Feeds): Promise<void> {
    for (const [name, feed] of Object.entries(feeds)) {
      if (feed instanceof Float32Array) requireNumbers(feed, `input '${name}'`);
    }
    // Another run may have had its own feeds there since.
    const fed = await this.#feedAll(executable, feeds);
    const again = new Map([...bound, ...fed]);
    const { readback, arena } = this.state;
    const { dispatches } = executable.graph;
    for (const [index, { kernel, changes, writes }] of dispatches.entries()) {
      // What it changed is as it left it, unless a later run has gone on from there.
      if (changes.length > 0) continue;
      await executable.submit(again, index, index + 1);
      const buffers = await arena.buffers(executable.plan.buffers);
      const readings = writes.map((tensor) => ({
        buffer: executable.bufferOf(tensor, again, buffers),
        type: tensor.storage === "i32" ? "i32" as const : "f32" as const,
        length: elementCount(tensor.shape),
      }));
      for (const numbers of await readback.read(readings)) {
        if (firstNaN(numbers) < 0) continue;
        throw new DeviceError({
          operation: describeKernel(kernel),
          problem: "is the first whose result holds a NaN",
          value: NaN,
          expected: "numbers; its operands hold no NaN, but may be too large",
        });
      }
    }
  }
}

function storageOf(feed: Feed | undefined): Storage | undefined {
  if (feed instanceof PlacedBuffer) return feed.storage;
  return feed instanceof Int32Array ? "i32" : "f32";
}

function requireFit(name: string, value: Value, feed: Feed | undefined): void {
  const storage = storageOf(feed);
  const type = storage === "i32" ? "i32" : "f32";
  const length = feed instanceof ReservedBuffer && feed.isReleased ? 0 : feed?.length;
  if (type === value.type && length === elementCount(value.shape)) return;
  throw new GraphError({
    problem: `input '${name}' does not fit`,
    value: feed ? `${storage}[${length}]` : "nothing",
    expected: `${value.type}[${value.shape}]`,
  });
}

/**
 * An input that is changed in place is memory that the caller has reserved, and is fed for nothing else: a device
 * refuses to write what it reads at the same time, and is lost for all by that.
 *
 * @throws {GraphError} if it is not.
 */
function requireOwn(
  { graph, changed }: Executable,
  bound: ReadonlyMap<Tensor, DeviceBuffer>,
  feeds: Feeds,
): void {
  for (const tensor of changed) {
    const name = (tensor.source as { input: string }).input;
    const problem = `input '${name}' is changed in place`;
    if (!(feeds[name] instanceof ReservedBuffer)) {
      const expected = "memory that the engine has reserved";
      throw new GraphError({ problem, value: "numbers to be read only", expected });
    }
    const buffer = bound.get(tensor);
    const other = [...graph.inputs].find(([each, of]) => each !== name && bound.get(of) === buffer);
    if (!other) continue;
    throw new GraphError({
      problem,
      value: `the memory of input '${other[0]}' too`,
      expected: "memory of its own",
    });
  }
}
