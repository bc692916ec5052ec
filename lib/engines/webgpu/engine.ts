/**
 * The GPU engine: graphs as WGSL kernels on any device that WebGPU reaches (Vulkan, Metal, DirectX 12).
 * Nothing is computed on the CPU between a program's inputs and its outputs.
 */

import type { RawTensor } from "../../checkpoint/tensor.ts";
import { DeviceError, GraphError } from "../../util/errors.ts";
import type { Engine, EngineDetails, Placed } from "../../graph/engine.ts";
import { type Numbers, topologicalOrder, type Value } from "../../graph/graph.ts";
import { MemoryBudget } from "../../graph/memory.ts";
import { findAdapter } from "./adapter.ts";
import { Arena, BufferPool, type PlacedBuffer } from "./buffers.ts";
import { GpuDevice, type GpuDeviceOptions } from "./device.ts";
import { fuse } from "./fused/fuse.ts";
import { lower } from "./lower.ts";
import { Pipelines } from "./pipelines.ts";
import { GpuProgram, type ProgramState } from "./program.ts";
import { Readback, requireNumbers } from "./transfer.ts";
import { type ChooseTile, Tuner } from "./tuner.ts";
import { TuningFile } from "./tuning_file.ts";
import { Uploads } from "./uploads.ts";

/** How the GPU engine is opened. */
export interface WebGpuEngineOptions extends GpuDeviceOptions {
  /** Default: the most powerful one there is. */
  readonly adapter?: GPUAdapter;
  /** Why a GPU, for provenance; default: `"asked for"`. */
  readonly chosen?: string;
  /** File that keeps the measured tiles of products for later runs; default: none. */
  readonly tunings?: string | null;
}

/** An engine on a GPU. Close it to free the device. */
export interface WebGpuEngine extends Engine, Disposable {
  /** The device, its adapter in words and its account of memory. */
  readonly device: GpuDevice;
}

/**
 * Opens the GPU engine.
 *
 * @throws {DeviceError} if there is no adapter, or the file of tunings holds something else.
 */
export async function openWebGpuEngine(options: WebGpuEngineOptions = {}): Promise<WebGpuEngine> {
  const found = options.adapter ? { adapter: options.adapter } : await findAdapter();
  if (!found.adapter) {
    throw new DeviceError({
      problem: found.reason,
      expected: "a GPU with a Vulkan, Metal or DirectX 12 driver",
    });
  }
  const device = await GpuDevice.open(found.adapter, options);
  const pipelines = new Pipelines(device);
  const file = options.tunings ? new TuningFile(options.tunings) : undefined;
  const tuner = await Tuner.open({ device, pipelines }, { file }).catch((error) => {
    device.close();
    throw error;
  });
  return new Opened(device, pipelines, tuner, options.chosen ?? "asked for");
}

class Opened implements WebGpuEngine {
  readonly name: string;
  readonly identity: string;
  readonly module = import.meta.url;
  readonly details: EngineDetails;
  readonly appliesCodecs = true;
  readonly memory: MemoryBudget;
  readonly #state: ProgramState;
  readonly #uploads: Uploads;
  readonly #readback: Readback;

  constructor(
    readonly device: GpuDevice,
    pipelines: Pipelines,
    tuner: Tuner,
    chosen: string,
  ) {
    this.memory = new MemoryBudget(device.memory ?? undefined);
    this.name = `webgpu, ${device.adapter.name}`;
    this.identity = this.name;
    const features = Object.entries(device.features).flatMap(([name, has]) =>
      has === true ? [name] : []
    );
    this.details = { device: "webgpu", chosen, facts: { ...device.adapter, features } };
    const pool = new BufferPool(device);
    this.#uploads = new Uploads(pool);
    this.#readback = new Readback(device);
    this.#state = {
      device,
      pool,
      readback: this.#readback,
      pipelines,
      arena: new Arena(device),
      lower: async (outputs, storage) => {
        const lowerWith = (tile: ChooseTile) =>
          lower(outputs, { features: device.features, storage, tile });
        await tuner.prepare(lowerWith);
        return lowerWith(tuner.tile);
      },
    };
  }

  compile(outputs: Readonly<Record<string, Value>>) {
    const fused = fuse(outputs);
    const inputs = new Map<string, Value>();
    for (const value of topologicalOrder(Object.values(outputs))) {
      if (value.name !== null) inputs.set(value.name, value);
    }
    // Lowered here once for its errors; how inputs are stored is known when they are fed.
    lower(fused, { features: this.device.features });
    return Promise.resolve(new GpuProgram(this.#state, fused, inputs));
  }

  place(numbers: Numbers | RawTensor, name?: string): Promise<Placed> {
    return this.device.whileAlive(() => this.#uploads.place(numbers, name));
  }

  async read(placed: readonly Placed[]): Promise<Numbers[]> {
    const buffers = placed.map((each) => each as PlacedBuffer);
    const readings = buffers.map(({ buffer, storage, length }) => {
      if (storage !== "f32" && storage !== "i32") {
        throw new GraphError({
          problem: "16-bit weights are not read back",
          value: storage,
          expected: "f32 or i32",
        });
      }
      return { buffer, type: storage, length };
    });
    const read = await this.device.whileAlive(() => this.#readback.read(readings));
    read.forEach((numbers, index) => requireNumbers(numbers, buffers[index].purpose));
    return read;
  }

  [Symbol.dispose](): void {
    this.device.close();
  }
}
