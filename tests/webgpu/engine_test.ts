/** What the GPU engine promises beside its numbers: feeds, memory, errors that name the fault. */

import { elementCount } from "../../lib/checkpoint/tensor.ts";
import assert from "node:assert/strict";
import { DeviceError, GraphError } from "../../lib/util/errors.ts";
import { input, makeValue } from "../../lib/graph/graph.ts";
import { add, multiply, silu, sumTo } from "../../lib/graph/ops/elementwise.ts";
import { gatherRows } from "../../lib/graph/ops/matrix.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { gpuTest } from "./gpu.ts";
import { runLowered } from "./run_lowered.ts";

const x = input("x", [2, 3]);
const numbers = Float32Array.of(1, -2, 3, 4, 0.5, 6);

const unfit = {
  "a missing feed": {},
  "a feed that is too short": { x: new Float32Array(5) },
  "a feed of another type": { x: new Int32Array(6) },
};

for (const [fault, feeds] of Object.entries(unfit)) {
  gpuTest(`a run refuses ${fault}`, async (engine) => {
    const program = await engine.compile({ y: silu(x) });
    await assert.rejects(program.run(feeds), (error) => {
      assert.ok(error instanceof GraphError);
      assert.match(error.message, /input 'x' does not fit.*expected f32\[2,3\]/);
      return true;
    });
    await program.release();
  });
}

gpuTest("two names may stand for one value, and an output may be an input", async (engine) => {
  const doubled = add(x, x);
  const program = await engine.compile({ first: doubled, second: doubled, same: x });
  const { first, second, same } = await program.run({ x: numbers });
  assert.deepEqual([first, second], Array(2).fill(numbers.map((each) => 2 * each)));
  assert.deepEqual(same, numbers);
  await program.release();
});

gpuTest("kept outputs feed other programs and live until they are released", async (engine) => {
  const program = await engine.compile({ x: add(x, x) });
  let placed = (await program.keep({ x: numbers })).x;
  for (let times = 0; times < 3; times++) {
    const next = await program.keep({ x: placed });
    placed.release();
    placed = next.x;
  }
  assert.deepEqual(await engine.read([placed]), [numbers.map((each) => 16 * each)]);
  placed.release();
  await program.release();
});

gpuTest("a feed that changes between runs is read anew", async (engine) => {
  const program = await engine.compile({ y: add(x, x) });
  const changing = numbers.slice();
  await program.run({ x: changing });
  changing[0] = 50;
  assert.equal((await program.run({ x: changing })).y[0], 100);
  await program.release();
});

const storedBits = {
  BF16: [0x3f80, 0xc000, 0x4040, 0x4080, 0x3f00],
  F16: [0x3c00, 0xc000, 0x4200, 0x4400, 0x3800],
};

for (const [dtype, bits] of Object.entries(storedBits)) {
  gpuTest(`${dtype} weights stay 16-bit and are widened where they are read`, async (engine) => {
    const table = input("table", [5, 1]);
    const places = input("places", [3], "i32");
    const program = await engine.compile({
      y: multiply(gatherRows(table, places), input("s", [])),
    });
    const bytes = new Uint8Array(Uint16Array.from(bits).buffer);
    const placed = await engine.place({ dtype: dtype as "BF16", shape: [5, 1], bytes });
    assert.equal(placed.byteLength, 12);
    const feeds = { table: placed, places: Int32Array.of(4, 1, 3), s: Float32Array.of(2) };
    assert.deepEqual((await program.run(feeds)).y, Float32Array.of(1, -4, 8));
    await assert.rejects(engine.read([placed]), GraphError);
    placed.release();
    await program.release();
  });
}

gpuTest("a weight of whole numbers cannot be placed", async (engine) => {
  const tensor = { dtype: "I64" as const, shape: [1], bytes: new Uint8Array(8) };
  await assert.rejects(engine.place(tensor), /got 'I64'; expected F32, F16 or BF16/);
});

gpuTest("a NaN is told with the first op that made it and its shapes", async (engine) => {
  const y = sumTo(multiply(silu(x), input("w", [3])), [3]);
  const program = await engine.compile({ y });
  const w = Float32Array.of(1, 0, 1);
  const infinite = numbers.with(1, Infinity);
  await assert.rejects(program.run({ x: infinite, w }), (error) => {
    assert.ok(error instanceof DeviceError);
    assert.match(error.message, /operation 'silu · multiply \[2, 3\] and \[3\] to \[2, 3\]'/);
    return true;
  });
  await assert.rejects(
    program.run({ x: numbers.with(4, NaN), w }),
    /input 'x' holds a NaN at element 4/,
  );
  const { y: kept } = await program.keep({ x: infinite, w });
  await assert.rejects(engine.read([kept]), /output 'y' of .* holds a NaN at element 1/);
  // The engine goes on after a NaN.
  assert.ok((await program.run({ x: numbers, w })).y.every(Number.isFinite));
  await program.release();
});

gpuTest("a kernel that does not compile is told with its op and shapes", async (engine) => {
  const lowered = lower({ y: silu(x) }, { features: engine.device.features });
  const [{ kernel, ...tensors }] = lowered.dispatches;
  const broken = { ...tensors, kernel: { ...kernel, name: "broken", body: "y[0] = nothing;" } };
  const graph = { ...lowered, dispatches: [broken] };
  await assert.rejects(runLowered(engine, graph, { x: numbers }), (error) => {
    assert.ok(error instanceof DeviceError);
    assert.match(error.message, /operation 'broken \[2, 3\] to \[2, 3\]'.*does not compile on/s);
    return true;
  });
});

gpuTest("an op without a kernel is refused when it is compiled", (engine) => {
  const value = makeValue("wordless", [x], [2, 3], { onnx: () => "" });
  assert.throws(() => engine.compile({ value }), /op 'wordless' has no WGSL kernel/);
});

gpuTest("memory stays below the cap, and what does not fit says how much would", async () => {
  using engine = await openWebGpuEngine({ memory: 1e6 });
  const place = () => engine.place(new Float32Array(100_000));
  const first = await place();
  const second = await place();
  await assert.rejects(place(), (error) => {
    assert.ok(error instanceof DeviceError);
    assert.match(error.message, /no room for 100000 numbers .* expected at least 1200000 bytes/);
    return true;
  });
  assert.ok(engine.device.allocatedBytes <= 1e6);
  // What is released serves what comes next, whatever its size.
  first.release();
  second.release();
  (await engine.place(new Float32Array(200_000))).release();
  assert.ok(engine.device.peakBytes <= 1e6);
});

gpuTest("what is placed at once stays below the cap together", async () => {
  using engine = await openWebGpuEngine({ memory: 1e6 });
  const places = Array.from({ length: 5 }, (_, at) => engine.place(new Float32Array(100_000 + at)));
  const settled = await Promise.allSettled(places);
  assert.equal(settled.filter(({ status }) => status === "fulfilled").length, 2);
  assert.ok(engine.device.peakBytes <= 1e6, String(engine.device.peakBytes));
});

gpuTest("programs share the memory of their intermediate results", async () => {
  using engine = await openWebGpuEngine();
  const wide = input("wide", [256, 1024]);
  const sum = sumTo(silu(sumTo(wide, [1024])), []);
  const feeds = { wide: new Float32Array(elementCount(wide.shape)).fill(1) };
  const run = async () => {
    const program = await engine.compile({ sum });
    await program.run(feeds);
    await program.release();
    return engine.device.allocatedBytes;
  };
  const once = await run();
  // What is read back lies in buffers of its own, of which there may be several.
  for (let times = 0; times < 5; times++) assert.ok(await run() - once < 2 ** 12);
});

gpuTest("a lost device is told by every call, and nothing hangs", async () => {
  const engine = await openWebGpuEngine();
  const program = await engine.compile({ y: silu(x) });
  await program.run({ x: numbers });
  const kept = await program.keep({ x: numbers });
  engine.device.gpu.destroy();
  const calls = [
    () => program.run({ x: numbers }),
    () => program.keep({ x: numbers }),
    () => engine.place(numbers),
    () => engine.read([kept.y]),
  ];
  for (const call of calls) {
    await assert.rejects(call(), (error) => {
      assert.ok(error instanceof DeviceError, String(error));
      assert.match(error.message, /the device '.+' is lost/);
      return true;
    });
  }
});
