/**
 * How long kernels take on a device, by themselves: one, or several that run one after the other as one.
 *
 * A card at rest runs at a fifth of its clock, so that it is kept busy for 0.3 s before anything counts;
 * one run is short beside what a clock tells, so that several lie between two readings; and whatever
 * slows the machine slows all alike, for they run in turns.
 */

import type { Dispatch } from "./lower.ts";
import { DeviceClock, encode, type Pass } from "./device_clock.ts";
import type { GpuDevice } from "./device.ts";
import type { Pipelines } from "./pipelines.ts";
import { TimingOperands } from "./timing_operands.ts";

/** Seconds of work before a card at rest is at its full clock. */
const WARMING_SECONDS = 0.3;
/** Seconds after which a card is at rest again. */
const REST_SECONDS = 1;
/** Seconds of work that two waits while warming lie apart: longer than it takes to hear of completion. */
const WARMING_BATCH_SECONDS = 0.02;
/** Seconds between two readings of a clock: the device's own, or this process's. */
const BATCH_SECONDS = { device: 2e-4, process: 5e-3 };
const MOST_IN_BATCH = 200;
/** Seconds below which a first run tells nothing of how much faster it is than another. */
const TELLING_SECONDS = 2e-5;

/** What kernels are timed with. */
export interface TimerState {
  readonly device: GpuDevice;
  readonly pipelines: Pipelines;
}

/** Kernels that are timed as one, in the order in which they run. */
export type Sequence = readonly Dispatch[];

/** How kernels are timed. */
export interface TimingOptions {
  /** Turns; default: 4. */
  readonly rounds?: number;
  /** Seconds that all turns may take beside a first run of each, which is all there is if it is too little. */
  readonly budget?: number;
  /** One that takes more than so many times what the fastest does runs once; default: none. */
  readonly dropBeyond?: number;
  /** Whether the largest operand is to come from memory and not from a cache; default: no. */
  readonly cold?: boolean;
}

/** A sequence with operands. */
interface Timed {
  /** A run of it for each copy of its largest operand. */
  readonly copies: readonly Pass[];
  /** Runs between two readings of the clock. */
  batch: number;
  /** Seconds of a first run. */
  first: number;
  readonly seconds: number[];
}

/**
 * Seconds of each run of each sequence. Their operands hold numbers about 1; those of one name and size
 * are shared.
 *
 * @throws {DeviceError} if there is no room for the operands, or a kernel does not compile.
 */
export async function timeKernels(
  state: TimerState,
  sequences: readonly Sequence[],
  { rounds = 4, budget = Infinity, dropBeyond = Infinity, cold = false }: TimingOptions = {},
): Promise<number[][]> {
  const { device } = state;
  const operands = new TimingOperands(device);
  const clock = await DeviceClock.open(device);
  try {
    const timed: Timed[] = [];
    for (const sequence of sequences) {
      timed.push(await prepare(state, sequence, operands, cold));
    }
    await warm(device, timed);
    const runs = new Runs();
    const first = await clock.seconds(timed.map((each) => runs.batch(each, 1)));
    const enough = BATCH_SECONDS[clock.isDevices ? "device" : "process"];
    timed.forEach((each, index) => {
      each.first = first[index];
      each.batch = Math.max(1, Math.min(MOST_IN_BATCH, Math.ceil(enough / each.first)));
    });
    const most = dropBeyond * Math.max(TELLING_SECONDS, Math.min(...first));
    const running = timed.filter((each) => each.first <= most);
    const turn = running.reduce((sum, each) => sum + each.batch * each.first, 0);
    const turns = Math.min(rounds, Math.floor(budget / turn));
    const order = Array.from({ length: turns }, () => running).flat();
    const seconds = await clock.seconds(order.map((each) => runs.batch(each, each.batch)));
    order.forEach((each, index) => each.seconds.push(seconds[index] / each.batch));
    lastBusy.set(device, performance.now());
    return timed.map((each) => each.seconds.length > 0 ? each.seconds : [each.first]);
  } finally {
    clock.release();
    operands.release();
  }
}

async function prepare(
  { device, pipelines }: TimerState,
  sequence: Sequence,
  operands: TimingOperands,
  cold: boolean,
): Promise<Timed> {
  const bindings = await operands.bindings(sequence, cold);
  const compiled: GPUComputePipeline[] = [];
  for (const { kernel } of sequence) compiled.push(await pipelines.get(kernel));
  const copies = bindings.map((copy) =>
    copy.map((bound, index) => ({
      pipeline: compiled[index],
      group: device.gpu.createBindGroup({
        layout: compiled[index].getBindGroupLayout(0),
        entries: bound.map((resource, binding) => ({ binding, resource })),
      }),
      groups: sequence[index].kernel.groups,
    }))
  );
  return { copies, batch: 1, first: NaN, seconds: [] };
}

/** Runs of sequences, which take copies in turns: what one has read is not what the next one reads. */
class Runs {
  #count = 0;

  batch({ copies }: Timed, length: number): Pass {
    return Array.from({ length }, () => copies[this.#count++ % copies.length]).flat();
  }
}

/** When a device was last kept busy. */
const lastBusy = new WeakMap<GpuDevice, number>();

/** Runs all once, for drivers compile then, and brings a card at rest to its clock. */
async function warm(device: GpuDevice, timed: readonly Timed[]): Promise<void> {
  const { queue } = device.gpu;
  const runs = new Runs();
  const submit = (batch: number): Promise<void> => {
    const encoder = device.gpu.createCommandEncoder();
    for (const each of timed) encode(encoder, runs.batch(each, batch));
    queue.submit([encoder.finish()]);
    return device.whileAlive(() => queue.onSubmittedWorkDone());
  };
  await submit(1);
  device.throwIfFaulty();
  const started = performance.now();
  const wasBusy = started - (lastBusy.get(device) ?? -Infinity) < 1000 * REST_SECONDS;
  if (device.adapter.software || wasBusy) return;
  let batch = 1;
  // While one batch is waited for the next one runs.
  let running = submit(batch);
  while (performance.now() - started < 1000 * WARMING_SECONDS) {
    const since = performance.now();
    const [next] = [submit(batch), await running];
    running = next;
    if (performance.now() - since < 1000 * WARMING_BATCH_SECONDS) batch *= 2;
  }
  await running;
}
