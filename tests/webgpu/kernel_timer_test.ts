/** How kernels are timed: in turns, several as one, from memory, and on a card that has to be warmed. */

import assert from "node:assert/strict";
import { elementCount } from "../../lib/checkpoint/tensor.ts";
import { input } from "../../lib/graph/graph.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { DeviceClock } from "../../lib/engines/webgpu/device_clock.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { type Sequence, timeKernels } from "../../lib/engines/webgpu/kernel_timer.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { Pipelines } from "../../lib/engines/webgpu/pipelines.ts";
import { TimingOperands } from "../../lib/engines/webgpu/timing_operands.ts";
import { gpuTest, presentAdapter } from "./gpu.ts";

const features = {
  subgroups: false,
  float16: false,
  workgroupBytes: 16384,
  workgroupInvocations: 256,
};

/** `length` products of 64 rows, one after the other. */
function chain(inner: number, length: number): Sequence {
  let y = input("x", [64, inner]);
  for (let index = 0; index < length; index++) {
    const columns = index === length - 1 ? 64 : inner;
    y = matmul(y, input(`w${index}`, [columns, inner]), { transposeSecond: true });
  }
  return lower({ y }, { features }).dispatches;
}

gpuTest("kernels are timed in seconds, longer ones longer", async ({ device }) => {
  const state = { device, pipelines: new Pipelines(device) };
  const before = device.allocatedBytes;
  const runs = await timeKernels(state, [chain(64, 1), chain(8192, 1)], { rounds: 3 });
  assert.equal(device.allocatedBytes, before);
  assert.deepEqual(runs.map(({ length }) => length), [3, 3]);
  const [short, long] = runs.map((seconds) => Math.min(...seconds));
  assert.ok(short > 0 && short < long && long < 60, `${short} and ${long}`);
});

gpuTest("kernels of one sequence are timed as one, whatever their operands are called", async (
  { device },
) => {
  const state = { device, pipelines: new Pipelines(device) };
  const sequences = [chain(64, 1), chain(64, 12)];
  assert.deepEqual(sequences.map(({ length }) => length), [1, 12]);
  const [one, twelve] = (await timeKernels(state, sequences)).map((each) => Math.min(...each));
  assert.ok(one > 0 && one < twelve, `${one} and ${twelve}`);
});

gpuTest("what takes many times as long as the fastest runs once", async ({ device }) => {
  const state = { device, pipelines: new Pipelines(device) };
  const sequences = [chain(64, 1), chain(8192, 1)];
  const [short, long] = await timeKernels(state, sequences, { rounds: 5, dropBeyond: 2 });
  assert.deepEqual([short.length, long.length], [5, 1]);
});

gpuTest("a budget of nothing leaves the first runs", async ({ device }) => {
  const state = { device, pipelines: new Pipelines(device) };
  const runs = await timeKernels(state, [chain(64, 1)], { rounds: 5, budget: 0 });
  assert.deepEqual(runs.map(({ length }) => length), [1]);
  assert.ok(runs[0][0] > 0);
});

gpuTest("from memory, the largest operand lies there as often as no cache holds", async (
  { device },
) => {
  const operands = new TimingOperands(device);
  const before = device.allocatedBytes;
  // A weight of 2 MB, one of 16 KB.
  const sequence = [...chain(8192, 1), ...chain(64, 1)];
  const cold = await operands.bindings(sequence, true);
  const weight = 4 * elementCount([64, 8192]);
  assert.equal(cold.length, 2 ** 28 / weight);
  const [first, second] = cold.map(([product]) => product);
  assert.deepEqual(first.map(({ offset = 0 }) => offset), [0, 0, 0, 0]);
  assert.deepEqual(second.map(({ offset = 0 }) => offset).filter((each) => each > 0), [weight]);
  const end = cold.flat(2).map(({ offset = 0, size = 0 }) => offset + size);
  assert.equal(Math.max(...end), 2 ** 28);
  assert.equal((await operands.bindings(sequence, false)).length, 1);
  operands.release();
  assert.equal(device.allocatedBytes, before);
});

gpuTest("a card is warmed, and many passes are read at once", async () => {
  const adapter = await presentAdapter();
  Object.defineProperty(adapter, "info", {
    value: { description: "a card", vendor: "", architecture: "", isFallbackAdapter: false },
  });
  using engine = await openWebGpuEngine({ adapter });
  const { device } = engine;
  assert.equal(device.adapter.software, false);
  const state = { device, pipelines: new Pipelines(device) };
  let submissions = 0;
  const submit = device.gpu.queue.submit.bind(device.gpu.queue);
  device.gpu.queue.submit = (buffers) => {
    submissions++;
    submit(buffers);
  };
  const runs = await timeKernels(state, [chain(64, 1), chain(64, 2)], { rounds: 20 });
  assert.deepEqual(runs.map(({ length }) => length), [20, 20]);
  assert.ok(runs.flat().every((seconds) => seconds > 0));
  // Once to compile, once for first runs, twice for 40 passes; the rest warms.
  assert.ok(submissions > 4);

  submissions = 0;
  const clock = await DeviceClock.open(device);
  const seconds = await clock.seconds(Array.from({ length: 40 }, () => []));
  clock.release();
  assert.deepEqual([seconds.length, submissions], [40, 2]);
});
