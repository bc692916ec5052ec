/** Work that is started before other work is done: each has its own numbers, and the device is waited for once. */

import assert from "node:assert/strict";
import type { Numbers } from "../../lib/graph/graph.ts";
import { input } from "../../lib/graph/graph.ts";
import { add, multiply, sumTo } from "../../lib/graph/ops/elementwise.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { DeviceError } from "../../lib/util/errors.ts";
import { gpuTest } from "./gpu.ts";

const SIZE = 96;

/** ‖row sums‖ of x·xᵀ, by way of intermediate results; and, for plain loops, of whole numbers below 4. */
function graph(size: number) {
  const x = input("x", [size, size]);
  const square = matmul(x, x, { transposeSecond: true });
  return { y: sumTo(add(square, square), [size]) };
}

function wholes(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size * size }, (_, at) => (at * (seed + 3) + seed) % 4);
}

function plain(x: Float32Array, size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, column) => {
    let sum = 0;
    for (let row = 0; row < size; row++) {
      for (let k = 0; k < size; k++) sum += 2 * x[row * size + k] * x[column * size + k];
    }
    return sum;
  });
}

gpuTest("runs that are started together have their own feeds and results", async () => {
  using engine = await openWebGpuEngine();
  const small = await engine.compile(graph(SIZE));
  const large = await engine.compile(graph(2 * SIZE));
  // From the second run on they feed the same memory; the large one's has to grow beside the small one's.
  await small.run({ x: wholes(SIZE, 1) });
  const runs: { expected: Float32Array; found: Promise<Numbers> }[] = [];
  for (let seed = 0; seed < 6; seed++) {
    const [size, program] = seed % 3 === 2 ? [2 * SIZE, large] : [SIZE, small];
    const x = wholes(size, seed);
    const found = seed % 2 === 0
      ? program.run({ x }).then(({ y }) => y)
      : program.keep({ x }).then(async ({ y }) => {
        const [numbers] = await engine.read([y]);
        y.release();
        return numbers;
      });
    runs.push({ expected: plain(x, size), found });
  }
  for (const { expected, found } of runs) assert.deepEqual(await found, expected);
  await small.release();
  await large.release();
});

gpuTest("what is read together is waited for once, one after another each time", async () => {
  using engine = await openWebGpuEngine();
  const placed = [];
  for (let seed = 0; seed < 5; seed++) placed.push(await engine.place(wholes(SIZE, seed)));
  const { counts } = engine.device;
  const begin = counts.waits;
  const together = await Promise.all(placed.map((each) => engine.read([each])));
  assert.equal(counts.waits - begin, 1);
  assert.deepEqual(together, placed.map((_, seed) => [wholes(SIZE, seed)]));
  for (const each of placed) await engine.read([each]);
  assert.equal(counts.waits - begin, 1 + placed.length);
});

gpuTest("mapped buffers of many and large readings are not kept", async () => {
  using engine = await openWebGpuEngine();
  const placed = await engine.place(new Float32Array(2 ** 23));
  const before = engine.device.allocatedBytes;
  await engine.read([placed]);
  assert.equal(engine.device.allocatedBytes, before);
});

gpuTest("a NaN is explained by the run that has it, whatever runs beside it", async () => {
  using engine = await openWebGpuEngine();
  const x = input("x", [2, 3]);
  const program = await engine.compile({ y: sumTo(multiply(x, input("w", [3])), [3]) });
  const good = { x: new Float32Array(6).fill(2), w: new Float32Array(3).fill(1) };
  const bad = { x: good.x.with(4, Infinity), w: good.w.with(1, 0) };
  await program.run(good);
  const settled = await Promise.allSettled(
    [good, bad, good, bad].map((feeds) => program.run(feeds)),
  );
  for (const [index, each] of settled.entries()) {
    if (index % 2 === 0) {
      assert.equal(each.status, "fulfilled");
      assert.deepEqual(each.status === "fulfilled" && each.value.y, new Float32Array(3).fill(4));
    } else {
      const error = each.status === "rejected" && each.reason;
      assert.ok(error instanceof DeviceError, String(error));
      assert.match(error.message, /operation 'multiply \[2, 3\] and \[3\] to \[2, 3\]'.*first/);
    }
  }
  await program.release();
});
