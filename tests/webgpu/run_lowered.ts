/** Runs a lowered graph, so that tests choose tiles and rewritings themselves. */

import { elementCount, type RawTensor } from "../../lib/checkpoint/tensor.ts";
import type { Numbers } from "../../lib/graph/graph.ts";
import { Arena, type PlacedBuffer, TENSOR_USAGE } from "../../lib/engines/webgpu/buffers.ts";
import type { DeviceBuffer, GpuDevice } from "../../lib/engines/webgpu/device.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { Executable } from "../../lib/engines/webgpu/executable.ts";
import type { LoweredGraph, Tensor } from "../../lib/engines/webgpu/lower.ts";
import { Pipelines } from "../../lib/engines/webgpu/pipelines.ts";
import { tensorBytes } from "../../lib/engines/webgpu/plan.ts";
import { Readback } from "../../lib/engines/webgpu/transfer.ts";

/** Each kernel is compiled once a device. */
const compiled = new WeakMap<GpuDevice, Pipelines>();

/** The outputs of `graph`, which are results of kernels. */
export async function runLowered(
  engine: WebGpuEngine,
  graph: LoweredGraph,
  feeds: Readonly<Record<string, Numbers | RawTensor>>,
): Promise<Record<string, Numbers>> {
  const { device } = engine;
  const pipelines = compiled.get(device) ?? new Pipelines(device);
  compiled.set(device, pipelines);
  const shared = { device, pipelines, arena: new Arena(device) };
  const executable = await Executable.make(shared, graph);
  const bound = new Map<Tensor, DeviceBuffer>();
  const placed: PlacedBuffer[] = [];
  for (const [name, tensor] of graph.inputs) {
    const each = await engine.place(feeds[name]) as PlacedBuffer;
    placed.push(each);
    bound.set(tensor, each.buffer);
  }
  const readings = [];
  for (const tensor of graph.outputs.values()) {
    const buffer = await device.allocate(tensorBytes(tensor), TENSOR_USAGE, "a result");
    bound.set(tensor, buffer);
    const type = tensor.storage === "i32" ? "i32" as const : "f32" as const;
    readings.push({ buffer, type, length: elementCount(tensor.shape) });
  }
  await executable.submit(bound);
  const readback = new Readback(device);
  const numbers = await readback.read(readings);
  readback.release();
  executable.release();
  for (const { buffer } of readings) buffer.destroy();
  for (const each of placed) each.release();
  return Object.fromEntries([...graph.outputs.keys()].map((name, index) => [name, numbers[index]]));
}
