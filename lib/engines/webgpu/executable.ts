/**
 * A lowered graph made ready on a device: pipelines, uniforms, constants, and which buffer each tensor
 * lies in. Feeding and reading it is `program.ts`.
 */

import type { Numbers } from "../../graph/graph.ts";
import type { Kernel } from "./kernel.ts";
import { DeviceError } from "../../util/errors.ts";
import { type Arena, TENSOR_USAGE } from "./buffers.ts";
import type { DeviceBuffer, GpuDevice } from "./device.ts";
import { boundTensors, type Dispatch, type LoweredGraph, type Tensor } from "./lower.ts";
import { describeKernel, type Pipelines } from "./pipelines.ts";
import { type MemoryPlan, planMemory, tensorBytes } from "./plan.ts";

/** What executables of one device share. */
export interface SharedState {
  readonly device: GpuDevice;
  readonly pipelines: Pipelines;
  readonly arena: Arena;
}

/** Buffers of the tensors that a run brings along: inputs and outputs. */
export type Bound = ReadonlyMap<Tensor, DeviceBuffer>;

/** Bind groups of one dispatch that are kept: more than the layers of a large model. */
const MOST_BIND_GROUPS = 256;
/** Dispatches of one submission: drivers watch how long a single one takes. */
const SUBMITTED_AT_ONCE = 64;

/** A graph on a device. */
export class Executable {
  /** Inputs that its kernels change in place. */
  readonly changed: ReadonlySet<Tensor>;
  readonly #bindGroups: Map<string, GPUBindGroup>[];

  private constructor(
    readonly shared: SharedState,
    readonly graph: LoweredGraph,
    readonly plan: MemoryPlan,
    readonly pipelines: readonly GPUComputePipeline[],
    readonly uniforms: Uniforms,
    readonly constants: ReadonlyMap<Tensor, DeviceBuffer>,
  ) {
    this.changed = new Set(graph.dispatches.flatMap(({ changes }) => changes));
    this.#bindGroups = graph.dispatches.map(() => new Map());
  }

  /** @throws {DeviceError} if a kernel does not compile, or an operand is larger than may be bound. */
  static async make(shared: SharedState, graph: LoweredGraph): Promise<Executable> {
    const { device, pipelines } = shared;
    for (const dispatch of graph.dispatches) requireBindable(device, dispatch);
    const compiled = graph.dispatches.map(({ kernel }) => pipelines.get(kernel));
    const plan = planMemory(graph);
    const uniforms = await Uniforms.write(device, graph.dispatches.map(({ kernel }) => kernel));
    const constants = new Map<Tensor, DeviceBuffer>();
    for (const tensor of graph.dispatches.flatMap(({ reads }) => reads)) {
      if (!("constant" in tensor.source) || constants.has(tensor)) continue;
      const buffer = await device.allocate(tensorBytes(tensor), TENSOR_USAGE, "a constant");
      const { buffer: memory, byteOffset, byteLength } = tensor.source.constant;
      device.write(buffer, new Uint8Array(memory, byteOffset, byteLength));
      constants.set(tensor, buffer);
    }
    return new Executable(shared, graph, plan, await Promise.all(compiled), uniforms, constants);
  }

  /** Submits the dispatches `from` up to `to`, all of them unless told otherwise. */
  async submit(bound: Bound, from = 0, to: number = this.graph.dispatches.length): Promise<void> {
    const { device, arena } = this.shared;
    const buffers = await arena.buffers(this.plan.buffers);
    for (let first = from; first < to; first += SUBMITTED_AT_ONCE) {
      const encoder = device.gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let index = first; index < Math.min(to, first + SUBMITTED_AT_ONCE); index++) {
        const [x, y = 1, z = 1] = this.graph.dispatches[index].kernel.groups;
        pass.setPipeline(this.pipelines[index]);
        pass.setBindGroup(0, this.#bindGroup(index, bound, buffers));
        pass.dispatchWorkgroups(x, y, z);
      }
      pass.end();
      device.gpu.queue.submit([encoder.finish()]);
    }
    device.throwIfFaulty();
  }

  /** The buffer that a tensor lies in. */
  bufferOf(tensor: Tensor, bound: Bound, arena: readonly DeviceBuffer[]): DeviceBuffer {
    if ("partOf" in tensor.source) return this.bufferOf(tensor.source.partOf, bound, arena);
    const found = bound.get(tensor) ?? this.constants.get(tensor);
    return found ?? arena[this.plan.bufferOf.get(tensor)!];
  }

  /** Frees what is this graph's alone. */
  release(): void {
    this.uniforms.buffer?.destroy();
    for (const buffer of this.constants.values()) buffer.destroy();
    this.#bindGroups.forEach((each) => each.clear());
  }

  #bindGroup(index: number, bound: Bound, arena: readonly DeviceBuffer[]): GPUBindGroup {
    const { kernel } = this.graph.dispatches[index];
    const tensors = boundTensors(this.graph.dispatches[index]);
    const buffers = tensors.map((each) => this.bufferOf(each, bound, arena));
    const key = buffers.map(({ id }) => id).join(" ");
    const known = this.#bindGroups[index];
    const group = known.get(key);
    if (group) return group;
    if (known.size === MOST_BIND_GROUPS) known.clear();
    const resources = [
      ...buffers.map(({ gpu }, index) => ({ buffer: gpu, ...spanOf(tensors[index]) })),
      ...this.uniforms.bindings[index],
    ];
    const made = this.shared.device.gpu.createBindGroup({
      label: kernel.name,
      layout: this.pipelines[index].getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    known.set(key, made);
    return made;
  }
}

/** The uniforms of all kernels of a graph in one buffer. */
class Uniforms {
  private constructor(
    readonly buffer: DeviceBuffer | null,
    readonly bindings: readonly GPUBufferBinding[][],
  ) {}

  static async write(device: GpuDevice, kernels: readonly Kernel[]): Promise<Uniforms> {
    const alignment = device.gpu.limits.minUniformBufferOffsetAlignment;
    const blocks: { at: number; numbers: Numbers | Uint32Array }[] = [];
    let end = 0;
    const place = (numbers: Numbers | Uint32Array) => {
      const at = Math.ceil(end / alignment) * alignment;
      blocks.push({ at, numbers });
      end = at + numbers.byteLength;
      return { offset: at, size: numbers.byteLength };
    };
    const spans = kernels.map(({ sizes = {}, factors = {} }) =>
      [Uint32Array.from(Object.values(sizes)), Float32Array.from(Object.values(factors))]
        .filter(({ length }) => length > 0).map(place)
    );
    if (end === 0) return new Uniforms(null, spans.map(() => []));
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = await device.allocate(end, usage, "sizes of kernels");
    const bytes = new Uint8Array(buffer.byteLength);
    for (const { at, numbers } of blocks) {
      bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), at);
    }
    device.write(buffer, bytes);
    return new Uniforms(
      buffer,
      spans.map((each) => each.map((span) => ({ buffer: buffer.gpu, ...span }))),
    );
  }
}

/** Where in its buffer a tensor lies; of one that lies there alone all of the buffer is bound. */
function spanOf(tensor: Tensor): { offset: number; size: number } | undefined {
  if (!("partOf" in tensor.source)) return undefined;
  const { first } = tensor.source;
  const offset = first === 0 ? 0 : tensorBytes({ ...tensor, shape: [first] });
  return { offset, size: tensorBytes(tensor) };
}

function requireBindable(device: GpuDevice, dispatch: Dispatch): void {
  const large = tooLargeToBind(device, dispatch);
  if (!large) return;
  const { name, limits } = device.adapter;
  throw new DeviceError({
    operation: describeKernel(dispatch.kernel),
    problem: `an operand is larger than '${name}' can bind`,
    value: `[${large.shape}], ${tensorBytes(large)} bytes`,
    expected: `at most ${limits.maxStorageBufferBindingSize} bytes`,
  });
}

/** The first operand of a dispatch that is larger than a device binds, if any is. */
export function tooLargeToBind({ adapter }: GpuDevice, dispatch: Dispatch): Tensor | undefined {
  const most = adapter.limits.maxStorageBufferBindingSize;
  return boundTensors(dispatch).find((each) => tensorBytes(each) > most);
}
