/** Where graphs run: chooses an engine by the name of a device. */

import { DeviceError, OptionError } from "../util/errors.ts";
import type { Engine } from "../graph/engine.ts";
import { onnxEngine } from "./onnx/engine.ts";
import { projectPath } from "../util/project.ts";
import { describeAdapter, findAdapter } from "./webgpu/adapter.ts";
import { openWebGpuEngine } from "./webgpu/engine.ts";

/** Names of devices. */
export const deviceChoices: readonly DeviceChoice[] = ["auto", "cpu", "webgpu"];

/** `auto` takes a real GPU where there is one, and the CPU elsewhere. */
export type DeviceChoice = "auto" | "cpu" | "webgpu";

/** How an engine is chosen. */
export interface DeviceOptions {
  /** Default: `auto`. */
  readonly device?: DeviceChoice;
  /** Threads of the CPU engine; default: one per core. */
  readonly threads?: number;
  /** Bytes that the process may hold on the CPU; two fifths are the budget. Default: that is half of what is free. */
  readonly memory?: number;
  /** Bytes of a GPU's memory to use at most; default: no cap, as WebGPU does not tell how much there is. */
  readonly gpuMemory?: number;
  /**
   * File that keeps which tiles of products were measured fastest on a GPU; default:
   * `results/webgpu-tiles.json` of this workspace. `null`: none, they are measured each time.
   */
  readonly tunings?: string | null;
}

/**
 * The engine for a device; its `details` say which it is and why. An adapter that computes on the CPU
 * (lavapipe, SwiftShader) is taken only when asked for: ONNX Runtime is many times faster there.
 *
 * @throws {DeviceError} if a GPU is asked for and there is none, or OpenGL alone, or the file of tiles holds
 * something else.
 * @throws {OptionError} if the name is none of a device.
 *
 * @example
 * ```ts
 * import { openEngine } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = await openEngine({ device: "cpu" });
 * assert.match(engine.name, /^onnxruntime/);
 * ```
 */
export async function openEngine(options: DeviceOptions = {}): Promise<Engine> {
  const { device = "auto", threads, memory, gpuMemory } = options;
  const { tunings = projectPath("results/webgpu-tiles.json") } = options;
  if (!deviceChoices.includes(device)) {
    throw new OptionError({
      problem: "names no device",
      option: "device",
      value: device,
      expected: deviceChoices.join(", "),
    });
  }
  if (device === "cpu") return onnxEngine({ threads, memory });
  const found = await findAdapter();
  if (device === "webgpu") {
    if (found.adapter) {
      return await openWebGpuEngine({ adapter: found.adapter, memory: gpuMemory, tunings });
    }
    throw new DeviceError({
      problem: found.reason,
      option: "device",
      value: device,
      expected: "a GPU with a Vulkan, Metal or DirectX 12 driver, or the device 'cpu'",
    });
  }
  if (!found.adapter) return onnxEngine({ threads, memory, chosen: `auto: ${found.reason}` });
  const { adapter } = found;
  const { name, software } = describeAdapter(adapter);
  if (software) {
    return onnxEngine({
      threads,
      memory,
      chosen: `auto: the adapter '${name}' computes on the CPU`,
    });
  }
  return await openWebGpuEngine({ adapter, memory, tunings, chosen: `auto: '${name}' is a GPU` });
}
