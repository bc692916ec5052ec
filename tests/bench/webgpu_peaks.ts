/**
 * What a device can do at most, measured: bytes a second through its memory, and multiply-adds a second
 * in its registers. What a kernel reaches of these is what it could still gain.
 */

import type { Kernel } from "../../lib/engines/webgpu/kernel.ts";
import {
  type Sequence,
  timeKernels,
  type TimerState,
} from "../../lib/engines/webgpu/kernel_timer.ts";
import type { Tensor } from "../../lib/engines/webgpu/lower.ts";

/** Peaks of a device. */
export interface Peaks {
  /** Bytes a second, of the better of reading and copying. */
  readonly bandwidth: number;
  /** Floating-point operations a second, a multiply-add being two. */
  readonly flops: number;
}

/** Numbers that are streamed: 128 MiB of them, which every device can bind. */
const NUMBERS = 2 ** 25;
const LANES = 256;
/** Vectors of four that an invocation reads. */
const VECTORS = 8;

/** Sums that an invocation keeps: enough of them to hide how long one multiply-add takes. */
const SUMS = 16;
/** Multiply-adds of each sum in a pass of the loop, and passes. */
const [UNROLLED, PASSES] = [16, 16];
const WORKGROUPS = { hardware: 4096, software: 512 };

/** Measures both. */
export async function measurePeaks(state: TimerState): Promise<Peaks> {
  const streams = [sequence(readKernel()), sequence(copyKernel())];
  const [read, copy] = await timeKernels(state, streams, { rounds: 7, cold: true });
  const groups = WORKGROUPS[state.device.adapter.software ? "software" : "hardware"];
  const forms = ["fused", "plain"] as const;
  const arithmetic = forms.map((form) => sequence(multiplyAddKernel(form, groups)));
  const runs = await timeKernels(state, arithmetic, { rounds: 7 });
  const bytes = 4 * NUMBERS;
  const operations = 2 * groups * LANES * SUMS * UNROLLED * PASSES;
  return {
    bandwidth: Math.max(bytes / Math.min(...read), 2 * bytes / Math.min(...copy)),
    flops: operations / Math.min(...runs.flat()),
  };
}

function sequence(kernel: Kernel): Sequence {
  const reads = Object.entries(kernel.reads).map(([input, read]): Tensor => ({
    ..."operand" in read ? read.operand : read,
    source: { input },
  }));
  const writes = Object.values(kernel.writes).map(({ shape }): Tensor => ({
    shape,
    storage: "f32",
    source: { kernel: 0 },
  }));
  return [{ kernel, reads, changes: [], writes }];
}

const numbers = { shape: [NUMBERS], storage: "f32" } as const;
const streamed = {
  workgroup: [LANES],
  groups: [NUMBERS / (4 * LANES * VECTORS)],
};

/** The sum is written where it is one that it never is: the reading cannot be left out. */
function readKernel(): Kernel {
  return {
    name: "peak, reading",
    reads: { x: { operand: numbers, vector: 4 } },
    writes: { y: { shape: [1] } },
    ...streamed,
    body: `
let first = group.x * ${LANES * VECTORS}u + lane;
let sum = ${lines(VECTORS, (k) => `x_at4(first + ${k * LANES}u)`, " + ")};
if (sum.x + sum.y + sum.z + sum.w == 1e30) { y[0] = sum.x; }`,
  };
}

function copyKernel(): Kernel {
  return {
    name: "peak, copying",
    reads: { x: { operand: numbers } },
    writes: { y: { shape: [NUMBERS] } },
    ...streamed,
    body: `
let first = group.x * ${4 * LANES * VECTORS}u + lane;
${lines(4 * VECTORS, (k) => `y[first + ${k * LANES}u] = x_at(first + ${k * LANES}u);`)}`,
  };
}

function multiplyAddKernel(form: "fused" | "plain", groups: number): Kernel {
  const step = (k: number) =>
    form === "fused" ? `s${k} = fma(s${k}, m, a);` : `s${k} = s${k} * m + a;`;
  const pass = lines(SUMS, step, " ");
  return {
    name: `peak, multiply-adds, ${form}`,
    reads: {},
    writes: { y: { shape: [1] } },
    sizes: { passes: PASSES },
    factors: { multiplier: 0.999, addend: 1e-3 },
    workgroup: [LANES],
    groups: [groups],
    body: `
let m = factors.multiplier;
let a = factors.addend;
${lines(SUMS, (k) => `var s${k} = f32(lane + ${k}u);`, " ")}
for (var pass_ = 0u; pass_ < sizes.passes; pass_++) {
${lines(UNROLLED, () => pass)}
}
let sum = ${lines(SUMS, (k) => `s${k}`, " + ")};
if (sum == 1e30) { y[0] = sum; }`,
  };
}

function lines(count: number, line: (index: number) => string, separator = "\n"): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(separator);
}
