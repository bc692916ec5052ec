/**
 * Seconds of passes on a device: by the device's own clock where it has one, else from submission to
 * completion. What is in a pass is the caller's; operands are `timing_operands.ts`'s.
 */

import type { GpuDevice } from "./device.ts";

/** Dispatches that are bound and ready to be encoded. */
export interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly groups: readonly number[];
}

/** What is timed as one. */
export type Pass = readonly Ready[];

/** Passes of one submission: drivers watch how long a single one takes. */
const MOST_AT_ONCE = 32;

/** Measures passes. */
export class DeviceClock {
  private constructor(
    readonly device: GpuDevice,
    readonly marks: { query: GPUQuerySet; resolved: GPUBuffer; mapped: GPUBuffer } | null,
  ) {}

  /** A clock that starts when the device has done all it was given. */
  static async open(device: GpuDevice): Promise<DeviceClock> {
    const { gpu } = device;
    await device.whileAlive(() => gpu.queue.onSubmittedWorkDone());
    if (!gpu.features.has("timestamp-query")) return new DeviceClock(device, null);
    const size = 16 * MOST_AT_ONCE;
    return new DeviceClock(device, {
      query: gpu.createQuerySet({ type: "timestamp", count: 2 * MOST_AT_ONCE }),
      resolved: gpu.createBuffer({
        size,
        usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      }),
      mapped: gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }),
    });
  }

  /** Whether seconds are the device's own, so that waiting for it is none of them. */
  get isDevices(): boolean {
    return this.marks !== null;
  }

  /** Seconds of each pass. On hardware many are submitted together, for each wait costs 10 ms. */
  async seconds(passes: readonly Pass[]): Promise<number[]> {
    const together = this.marks && !this.device.adapter.software ? MOST_AT_ONCE : 1;
    const seconds: number[] = [];
    for (let from = 0; from < passes.length; from += together) {
      seconds.push(...await this.#submit(passes.slice(from, from + together)));
    }
    return seconds;
  }

  release(): void {
    this.marks?.query.destroy();
    this.marks?.resolved.destroy();
    this.marks?.mapped.destroy();
  }

  async #submit(passes: readonly Pass[]): Promise<number[]> {
    const { device, marks } = this;
    const { queue } = device.gpu;
    const encoder = device.gpu.createCommandEncoder();
    passes.forEach((pass, index) => encode(encoder, pass, marks?.query, 2 * index));
    const bytes = 16 * passes.length;
    if (marks) {
      encoder.resolveQuerySet(marks.query, 0, 2 * passes.length, marks.resolved, 0);
      encoder.copyBufferToBuffer(marks.resolved, 0, marks.mapped, 0, bytes);
    }
    const started = performance.now();
    queue.submit([encoder.finish()]);
    if (!marks) {
      await device.whileAlive(() => queue.onSubmittedWorkDone());
      device.throwIfFaulty();
      return [(performance.now() - started) / 1000];
    }
    await device.whileAlive(() => marks.mapped.mapAsync(GPUMapMode.READ, 0, bytes));
    device.throwIfFaulty();
    const nanoseconds = new BigUint64Array(marks.mapped.getMappedRange(0, bytes));
    const seconds = passes.map((_, index) =>
      Number(nanoseconds[2 * index + 1] - nanoseconds[2 * index]) * 1e-9
    );
    marks.mapped.unmap();
    return seconds;
  }
}

/** Writes a pass to an encoder, between two marks of the device's clock if a set of them is given. */
export function encode(
  encoder: GPUCommandEncoder,
  pass: Pass,
  query?: GPUQuerySet,
  firstMark = 0,
): void {
  const encoding = encoder.beginComputePass(
    query
      ? {
        timestampWrites: {
          querySet: query,
          beginningOfPassWriteIndex: firstMark,
          endOfPassWriteIndex: firstMark + 1,
        },
      }
      : {},
  );
  for (const { pipeline, group, groups: [x, y = 1, z = 1] } of pass) {
    encoding.setPipeline(pipeline);
    encoding.setBindGroup(0, group);
    encoding.dispatchWorkgroups(x, y, z);
  }
  encoding.end();
}
