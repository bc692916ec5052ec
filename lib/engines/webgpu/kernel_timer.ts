/**
 * How long kernels take on a device, by themselves: with the device's own clock where it has one, else
 * from submission to completion of enough dispatches to make that small beside them.
 */

import { elementCount } from "../../checkpoint/tensor.ts";
import type { Kernel } from "./kernel.ts";
import { SeededRandom } from "../../util/random.ts";
import type { DeviceBuffer, GpuDevice } from "./device.ts";
import type { Pipelines } from "./pipelines.ts";
import { storedBytes, TENSOR_USAGE } from "./buffers.ts";
import { readOperand } from "./shader.ts";

/** Runs of each kernel that are timed. */
const ROUNDS = 4;
/** Seconds of dispatches in one submission where only the clock of this process can tell. */
const BATCH_SECONDS = 0.005;
const MOST_IN_BATCH = 200;

/** What kernels are timed with. */
export interface TimerState {
  readonly device: GpuDevice;
  readonly pipelines: Pipelines;
}

/** A kernel with buffers of its own. */
interface Timed {
  readonly kernel: Kernel;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  /** Dispatches of one submission. */
  batch: number;
  readonly seconds: number[];
}

/**
 * Seconds of each run of each kernel. They run in turns, so that whatever slows the machine slows all
 * alike. Their operands hold numbers about 1; those of one name and size are shared.
 *
 * @throws {DeviceError} if there is no room for the operands, or a kernel does not compile.
 */
export async function timeKernels(
  state: TimerState,
  kernels: readonly Kernel[],
  rounds = ROUNDS,
): Promise<number[][]> {
  const buffers = new Map<string, DeviceBuffer>();
  const clock = await Clock.open(state.device);
  try {
    const timed: Timed[] = [];
    for (const kernel of kernels) timed.push(await prepare(state, kernel, buffers));
    for (const each of timed) await warmUp(state.device, clock, each);
    for (let round = 0; round < rounds; round++) {
      for (const each of timed) each.seconds.push(await clock.seconds(each) / each.batch);
    }
    return timed.map(({ seconds }) => seconds);
  } finally {
    clock.release();
    for (const buffer of buffers.values()) buffer.destroy();
  }
}

/** The first run compiles; where there is no clock on the device, the second tells how many to submit. */
async function warmUp(device: GpuDevice, clock: Clock, timed: Timed): Promise<void> {
  await clock.seconds(timed);
  if (device.gpu.features.has("timestamp-query")) return;
  const once = await clock.seconds(timed);
  timed.batch = Math.min(MOST_IN_BATCH, Math.max(1, Math.ceil(BATCH_SECONDS / once)));
}

async function prepare(
  { device, pipelines }: TimerState,
  kernel: Kernel,
  buffers: Map<string, DeviceBuffer>,
): Promise<Timed> {
  const take = async (name: string, bytes: number, usage: number) => {
    const key = `${name} ${bytes} ${usage}`;
    const known = buffers.get(key);
    if (known) return known;
    const buffer = await device.allocate(bytes, usage, `timing '${name}'`);
    buffers.set(key, buffer);
    fill(device, buffer);
    return buffer;
  };
  const bound: DeviceBuffer[] = [];
  for (const [name, read] of Object.entries(kernel.reads)) {
    const { shape, storage } = readOperand(read).operand;
    bound.push(await take(name, storedBytes(elementCount(shape), storage), TENSOR_USAGE));
  }
  for (const [name, { shape }] of Object.entries(kernel.writes)) {
    bound.push(await take(name, storedBytes(elementCount(shape), "f32"), TENSOR_USAGE));
  }
  const uniforms = [
    Uint32Array.from(Object.values(kernel.sizes ?? {})),
    Float32Array.from(Object.values(kernel.factors ?? {})),
  ];
  for (const numbers of uniforms.filter(({ length }) => length > 0)) {
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = await take(`uniform ${numbers}`, numbers.byteLength, usage);
    device.gpu.queue.writeBuffer(buffer.gpu, 0, numbers);
    bound.push(buffer);
  }
  const pipeline = await pipelines.get(kernel);
  const group = device.gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: bound.map(({ gpu }, binding) => ({ binding, resource: { buffer: gpu } })),
  });
  return { kernel, pipeline, group, batch: 1, seconds: [] };
}

const SOME_NUMBERS = 2 ** 16;
let someNumbers: Uint16Array<ArrayBuffer> | undefined;

/** Fills a buffer with ±[0.5, 2) of random digits: zeros would spare a GPU work, and so flatter it. */
function fill({ gpu }: GpuDevice, { gpu: buffer }: DeviceBuffer): void {
  const random = new SeededRandom(1);
  // As 16-bit floats, or as the halves of float32.
  const halves = someNumbers ??= Uint16Array.from(
    { length: SOME_NUMBERS },
    () => 0x3f00 | random.integer(0x100) | random.integer(2) << 15,
  );
  for (let at = 0; at < buffer.size; at += halves.byteLength) {
    gpu.queue.writeBuffer(buffer, at, halves, 0, Math.min(SOME_NUMBERS, (buffer.size - at) / 2));
  }
}

/** Measures submissions. */
class Clock {
  private constructor(
    readonly device: GpuDevice,
    readonly marks: { query: GPUQuerySet; resolved: GPUBuffer; mapped: GPUBuffer } | null,
  ) {}

  static async open(device: GpuDevice): Promise<Clock> {
    await device.gpu.queue.onSubmittedWorkDone();
    if (!device.gpu.features.has("timestamp-query")) return new Clock(device, null);
    const { gpu } = device;
    const buffer = (usage: number) => gpu.createBuffer({ size: 16, usage });
    return new Clock(device, {
      query: gpu.createQuerySet({ type: "timestamp", count: 2 }),
      resolved: buffer(GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC),
      mapped: buffer(GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST),
    });
  }

  /** Seconds of one submission of a kernel's dispatches. */
  async seconds({ kernel, pipeline, group, batch }: Timed): Promise<number> {
    const { gpu } = this.device;
    const encoder = gpu.createCommandEncoder();
    const marks = this.marks;
    const pass = encoder.beginComputePass(
      marks
        ? {
          timestampWrites: {
            querySet: marks.query,
            beginningOfPassWriteIndex: 0,
            endOfPassWriteIndex: 1,
          },
        }
        : {},
    );
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    const [x, y = 1, z = 1] = kernel.groups;
    for (let index = 0; index < batch; index++) pass.dispatchWorkgroups(x, y, z);
    pass.end();
    if (marks) {
      encoder.resolveQuerySet(marks.query, 0, 2, marks.resolved, 0);
      encoder.copyBufferToBuffer(marks.resolved, 0, marks.mapped, 0, 16);
    }
    const started = performance.now();
    gpu.queue.submit([encoder.finish()]);
    await gpu.queue.onSubmittedWorkDone();
    const elapsed = (performance.now() - started) / 1000;
    this.device.throwIfFaulty();
    if (!marks) return elapsed;
    await marks.mapped.mapAsync(GPUMapMode.READ);
    const [begin, end] = new BigUint64Array(marks.mapped.getMappedRange());
    const nanoseconds = Number(end - begin);
    marks.mapped.unmap();
    return nanoseconds * 1e-9;
  }

  release(): void {
    this.marks?.query.destroy();
    this.marks?.resolved.destroy();
    this.marks?.mapped.destroy();
  }
}
