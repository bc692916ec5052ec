/**
 * Operands of kernels that are timed: buffers of numbers about 1, shared by kernels that have operands of
 * the same names and sizes. For times from memory rather than from a cache, the largest operand lies
 * there several times.
 */

import { SeededRandom } from "../../util/random.ts";
import { TENSOR_USAGE } from "./buffers.ts";
import type { DeviceBuffer, GpuDevice } from "./device.ts";
import type { Kernel } from "./kernel.ts";
import { boundTensors, type Dispatch, type Tensor } from "./lower.ts";
import { tensorBytes } from "./plan.ts";

/** Bytes that come round before a kernel sees the same again: more than any card's cache holds. */
const COLD_BYTES = 2 ** 28;
/** What the offset of a binding is a multiple of, on every device. */
const ALIGNMENT = 256;

/** Buffers by what they hold. */
export class TimingOperands {
  readonly #buffers = new Map<string, DeviceBuffer>();

  constructor(readonly device: GpuDevice) {}

  /**
   * What each dispatch of a sequence binds, once for each copy of its largest operand: one copy unless
   * `cold`.
   *
   * @throws {DeviceError} if there is no room.
   */
  async bindings(sequence: readonly Dispatch[], cold: boolean): Promise<GPUBufferBinding[][][]> {
    const largest = cold ? largestRead(sequence) : null;
    const copies = largest ? this.#copies(tensorBytes(largest)) : 1;
    const buffers = new Map<Tensor, DeviceBuffer>();
    for (const [name, tensor] of sequence.flatMap(namedTensors)) {
      if (buffers.has(tensor)) continue;
      const bytes = tensorBytes(tensor);
      const all = tensor === largest ? (copies - 1) * aligned(bytes) + bytes : bytes;
      buffers.set(tensor, await this.#take(name, all, new Set(buffers.values())));
    }
    const uniforms: GPUBufferBinding[][] = [];
    for (const { kernel } of sequence) uniforms.push(await this.#uniforms(kernel));
    return Array.from({ length: copies }, (_, copy) =>
      sequence.map((dispatch, index) => [
        ...boundTensors(dispatch).map((tensor): GPUBufferBinding => ({
          buffer: buffers.get(tensor)!.gpu,
          offset: tensor === largest ? copy * aligned(tensorBytes(tensor)) : 0,
          size: tensorBytes(tensor),
        })),
        ...uniforms[index],
      ]));
  }

  release(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }

  #copies(bytes: number): number {
    const most = Math.floor(this.device.adapter.limits.maxBufferSize / aligned(bytes));
    return Math.max(1, Math.min(most, Math.ceil(COLD_BYTES / aligned(bytes))));
  }

  /** A buffer that none of `others` is: two tensors of a sequence may have a name and a size in common. */
  async #take(
    name: string,
    bytes: number,
    others: ReadonlySet<DeviceBuffer>,
  ): Promise<DeviceBuffer> {
    for (let index = 0;; index++) {
      const key = `${name} ${bytes} ${index}`;
      const known = this.#buffers.get(key);
      if (known && others.has(known)) continue;
      if (known) return known;
      const buffer = await this.device.allocate(bytes, TENSOR_USAGE, `timing '${name}'`);
      this.#buffers.set(key, buffer);
      fill(this.device, buffer);
      return buffer;
    }
  }

  async #uniforms({ sizes = {}, factors = {} }: Kernel): Promise<GPUBufferBinding[]> {
    const blocks = [
      Uint32Array.from(Object.values(sizes)),
      Float32Array.from(Object.values(factors)),
    ];
    const bindings: GPUBufferBinding[] = [];
    for (const numbers of blocks.filter(({ length }) => length > 0)) {
      const key = `uniform ${numbers}`;
      const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
      const buffer = this.#buffers.get(key) ??
        await this.device.allocate(numbers.byteLength, usage, "timing a kernel's sizes");
      this.#buffers.set(key, buffer);
      this.device.gpu.queue.writeBuffer(buffer.gpu, 0, numbers);
      bindings.push({ buffer: buffer.gpu });
    }
    return bindings;
  }
}

function namedTensors(dispatch: Dispatch): [string, Tensor][] {
  const { reads, changes = {}, writes } = dispatch.kernel;
  const names = [reads, changes, writes].flatMap((each) => Object.keys(each));
  return boundTensors(dispatch).map((tensor, index) => [names[index], tensor]);
}

/** The largest tensor that a sequence reads and does not write. */
function largestRead(sequence: readonly Dispatch[]): Tensor | null {
  const written = new Set(sequence.flatMap(({ writes }) => writes));
  let largest: Tensor | null = null;
  for (const tensor of sequence.flatMap(({ reads }) => reads)) {
    if (written.has(tensor)) continue;
    if (!largest || tensorBytes(tensor) > tensorBytes(largest)) largest = tensor;
  }
  return largest;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

const SOME_NUMBERS = 2 ** 20;
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
