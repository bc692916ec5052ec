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
import { type Readback, requireNumbers } from "./transfer.ts";

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

  async #run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Numbers>> {
    const { executable, bound, results } = await this.#start(feeds);
    const read = await this.state.readback.read(results.map(([, { type, length }, buffer]) => ({
      buffer,
      type,
      length,
    })));
    for (const [, , buffer] of results) this.state.pool.give(buffer);
    for (const [index, numbers] of read.entries()) {
      const [name] = results[index];
      if (numbers instanceof Float32Array && numbers.some(Number.isNaN)) {
        await this.#explain(executable, bound, feeds);
        requireNumbers(numbers, `output '${name}'`);
      }
    }
    return Object.fromEntries(results.map(([name], index) => [name, read[index]]));
  }

  async #keep(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Placed>> {
    const { results } = await this.#start(feeds);
    return Object.fromEntries(results.map(([name, { type, length }, buffer]) => {
      const purpose = `output '${name}' of ${this.outputs[name].operation}`;
      return [name, new PlacedBuffer(buffer, type, length, purpose, this.state.pool)];
    }));
  }

  /** Submits all work; returns the buffers of the outputs, which the caller gives back. */
  async #start(feeds: Readonly<Record<string, Feed>>) {
    const storage = (input: string) => storageOf(feeds[input]);
    for (const [name, value] of this.inputs) requireFit(name, value, feeds[name]);
    const key = [...this.inputs.keys()].map(storage).join(" ");
    const known = this.#executables.get(key) ?? this.#make(storage);
    this.#executables.set(key, known);
    const executable = await known;
    const bound = new Map<Tensor, DeviceBuffer>();
    for (const [name, tensor] of executable.graph.inputs) {
      bound.set(tensor, await this.#feed(name, tensor, feeds[name]));
    }
    const results: [name: string, { type: "f32" | "i32"; length: number }, DeviceBuffer][] = [];
    const copies: [from: Tensor, to: DeviceBuffer][] = [];
    for (const [name, tensor] of executable.graph.outputs) {
      const buffer = await this.state.pool.take(tensorBytes(tensor), `output '${name}'`);
      const type = tensor.storage === "i32" ? "i32" : "f32";
      results.push([name, { type, length: elementCount(tensor.shape) }, buffer]);
      // An output that is an input or another output too is copied from there.
      if ("kernel" in tensor.source && !bound.has(tensor)) bound.set(tensor, buffer);
      else copies.push([tensor, buffer]);
    }
    await executable.submit(bound);
    if (copies.length > 0) this.#copy(copies, executable, bound);
    return { executable, bound, results };
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
    this.state.device.gpu.queue.writeBuffer(buffer.gpu, 0, feed as Numbers as BufferSource);
    return buffer;
  }

  /** Runs kernel by kernel and throws an error that names the first one with a NaN. */
  async #explain(
    executable: Executable,
    bound: ReadonlyMap<Tensor, DeviceBuffer>,
    feeds: Readonly<Record<string, Feed>>,
  ): Promise<void> {
    for (const [name, feed] of Object.entries(feeds)) {
      if (feed instanceof Float32Array) requireNumbers(feed, `input '${name}'`);
    }
    const { readback, arena } = this.state;
    const { dispatches } = executable.graph;
    for (const [index, { kernel, writes }] of dispatches.entries()) {
      await executable.submit(bound, index, index + 1);
      const buffers = await arena.buffers(executable.plan.buffers);
      const readings = writes.map((tensor) => ({
        buffer: executable.bufferOf(tensor, bound, buffers),
        type: tensor.storage === "i32" ? "i32" as const : "f32" as const,
        length: elementCount(tensor.shape),
      }));
      for (const numbers of await readback.read(readings)) {
        if (numbers instanceof Int32Array || !numbers.some(Number.isNaN)) continue;
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
  if (feed && type === value.type && feed.length === elementCount(value.shape)) return;
  throw new GraphError({
    problem: `input '${name}' does not fit`,
    value: feed ? `${storage}[${feed.length}]` : "nothing",
    expected: `${value.type}[${value.shape}]`,
  });
}
