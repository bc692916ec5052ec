/** Compiled kernels: one pipeline for each text, however many shapes it serves. */

import { DeviceError } from "../../util/errors.ts";
import type { Kernel } from "./kernel.ts";
import type { GpuDevice } from "./device.ts";
import { shaderText } from "./shader.ts";

/** Pipelines of one device by the text of their shader. */
export class Pipelines {
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(readonly device: GpuDevice) {}

  /**
   * The pipeline of a kernel, compiled on first use.
   *
   * @throws {DeviceError} that names the kernel and its shapes if the device refuses its text.
   */
  get(kernel: Kernel): Promise<GPUComputePipeline> {
    // Subgroups go without a directive: Deno's shader compiler has them, but refuses `enable subgroups`.
    const text = shaderText(kernel, this.device.features);
    const known = this.#pipelines.get(text) ?? this.#compile(kernel, text);
    this.#pipelines.set(text, known);
    return known;
  }

  async #compile(kernel: Kernel, code: string): Promise<GPUComputePipeline> {
    const { gpu } = this.device;
    gpu.pushErrorScope("validation");
    const module = gpu.createShaderModule({ code, label: kernel.name });
    const layout = gpu.createPipelineLayout({
      bindGroupLayouts: [gpu.createBindGroupLayout({ entries: bindingTypes(kernel) })],
    });
    const compiled = gpu.createComputePipelineAsync({
      label: kernel.name,
      layout,
      compute: { module, entryPoint: "main" },
    }).catch((error: Error) => error);
    const fault = await gpu.popErrorScope();
    const pipeline = await compiled;
    if (!fault && !(pipeline instanceof Error)) return pipeline;
    this.device.throwIfFaulty();
    throw new DeviceError({
      operation: describeKernel(kernel),
      problem: `its kernel does not compile on '${this.device.adapter.name}'`,
      value: (fault ?? pipeline as Error).message,
      expected: "a kernel that the device accepts",
    });
  }
}

/** A kernel with the shapes of its operands: `"matmul [4, 8] and [8, 2] to [4, 2]"`. */
export function describeKernel({ name, reads, changes = {}, writes }: Kernel): string {
  const shape = (sizes: readonly number[]) => `[${sizes.join(", ")}]`;
  const from = Object.values(reads).map((each) =>
    shape("operand" in each ? each.operand.shape : each.shape)
  );
  const to = Object.values({ ...changes, ...writes }).map((each) => shape(each.shape));
  return `${name} ${from.join(" and ")} to ${to.join(" and ")}`;
}

function bindingTypes(kernel: Kernel): GPUBindGroupLayoutEntry[] {
  const uniforms = [kernel.sizes, kernel.factors].filter((each) =>
    each && Object.keys(each).length > 0
  );
  const types: GPUBufferBindingType[] = [
    ...Object.keys(kernel.reads).map(() => "read-only-storage" as const),
    ...Object.keys(kernel.changes ?? {}).map(() => "storage" as const),
    ...Object.keys(kernel.writes).map(() => "storage" as const),
    ...uniforms.map(() => "uniform" as const),
  ];
  return types.map((type, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type },
  }));
}
