/**
 * The GPU engine: graphs as WGSL kernels on any device that WebGPU reaches (Vulkan, Metal, DirectX 12).
 * Nothing is computed on the CPU between a program's inputs and its outputs.
 */

import type { FormedTensor } from "../../checkpoint/formed_tensor.ts";
import type { RawTensor } from "../../checkpoint/tensor.ts";
import { DeviceError, GraphError } from "../../util/errors.ts";
import type { Engine, EngineDetails, Placed, Reserved, ReservedInfo } from "../../graph/engine.ts";
import { type Numbers, topologicalOrder, type Value } from "../../graph/graph.ts";
import { MemoryBudget } from "../../graph/memory.ts";
import { findAdapter } from "./adapter.ts";
import { Arena, BufferPool, type PlacedBuffer } from "./buffers.ts";
import { GpuDevice, type GpuDeviceOptions } from "./device.ts";
import { fuse } from "./fused/fuse.ts";
import { lower } from "./lower.ts";
import { Pipelines } from "./pipelines.ts";
import { GpuProgram, type ProgramState } from "./program.ts";
import { ReservedBuffer } from "./reserved.ts";
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
  readonly appliesCodecs = true;
  readonly memory: MemoryBudget;
  readonly #state: ProgramState;
  readonly #uploads: Uploads;
  readonly #readback: Readback;

  constructor(
    readonly device: GpuDevice,
    pipelines: Pipelines,
    tuner: Tuner,
    readonly chosen: string,
  ) {
    this.memory = memoryOf(device);
    this.name = `webgpu, ${device.adapter.name}`;
    this.identity = this.name;
    const pool = new BufferPool(device);
    this.#uploads = new Uploads(pool);
    const readback = this.#readback = new Readback(device);
    device.reclaim = (bytes) => {
      const before = device.allocatedBytes;
      readback.release();
      pool.trim(0);
      const isAsBefore = () => device.allocatedBytes === before;
      while (isAsBefore() && this.memory.residents.evict(bytes) > 0) pool.trim(0);
      return !isAsBefore();
    };
    this.#state = {
      device,
      pool,
      readback,
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

  /** With what of the weights had to give way so far. */
  get details(): EngineDetails {
    const { device, chosen } = this;
    const features = Object.entries(device.features).flatMap(([name, has]) =>
      has === true ? [name] : []
    );
    const { exceptions, residents } = this.memory;
    const { weights, bytes } = residents.evictions;
    const facts = {
      ...device.adapter,
      features,
      evicted: { weights, bytes },
      ...exceptions.size === 0 ? {} : { weights: [...exceptions] },
    };
    return { device: "webgpu", chosen, facts };
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

  place(numbers: Numbers | RawTensor | FormedTensor, name?: string): Promise<Placed> {
    return this.device.whileAlive(() => this.#uploads.place(numbers, name));
  }

  reserve(info: ReservedInfo, name?: string): Promise<Reserved> {
    return this.device.whileAlive(() => ReservedBuffer.make(this.#state.pool, info, name));
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

/** What a run's largest value takes of what may be bound, and of a cap. */
const AT_ONCE = { ofBinding: 1 / 2, ofCap: 1 / 16 };
/** The same of all that is formed of weights: a whole Δ where it can be bound, for it shares their upload. */
const FORMED_AT_ONCE = { ofBinding: 4, ofCap: 1 / 4 };

/**
 * A GPU's memory is its cap. Without one it is what the device has, which no limit tells: it is used until
 * the device refuses. An adapter that computes on the CPU shares its memory with all others and refuses
 * nothing, so that some is taken for given.
 */
function memoryOf({ memory, adapter }: GpuDevice): MemoryBudget {
  if (adapter.software) return new MemoryBudget(memory ?? undefined, { ahead: true });
  const bytes = memory ?? Infinity;
  const bound = adapter.limits.maxStorageBufferBindingSize;
  const most = ({ ofBinding, ofCap }: typeof AT_ONCE) => Math.min(bound * ofBinding, bytes * ofCap);
  const [atOnce, formedAtOnce] = [AT_ONCE, FORMED_AT_ONCE].map(most);
  return new MemoryBudget(bytes, { atOnce, formedAtOnce, ahead: true });
}
