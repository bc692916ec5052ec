/** Tensors go to the device once for all who hold them, from any memory, in any size. */

import assert from "node:assert/strict";
import { float32Tensor, type RawTensor } from "../../lib/checkpoint/tensor.ts";
import { input } from "../../lib/graph/graph.ts";
import { add } from "../../lib/graph/ops/elementwise.ts";
import { openWebGpuEngine, type WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { GraphError } from "../../lib/util/errors.ts";
import { gpuTest } from "./gpu.ts";

const SIZE = 1000;
const numbers = Float32Array.from({ length: SIZE }, (_, at) => at - 500);

gpuTest(
  "a tensor that is placed is placed again at no cost, until all have released it",
  async () => {
    using engine = await openWebGpuEngine();
    const { device } = engine;
    const tensor = float32Tensor(numbers, [SIZE]);
    const [first, second] = await Promise.all([engine.place(tensor), engine.place(tensor)]);
    const third = await engine.place(tensor);
    assert.deepEqual(device.counts, { uploads: 1, uploadedBytes: 4 * SIZE, waits: 0 });
    assert.equal(device.allocatedBytes, 4 * SIZE);
    first.release();
    // Twice is once.
    first.release();
    third.release();
    assert.deepEqual(await engine.read([second]), [numbers]);
    second.release();
    // The same object is read anew now, and so is another of the same bytes.
    const again = await engine.place(tensor);
    const other = await engine.place({ ...tensor });
    assert.equal(device.counts.uploads, 3);
    assert.deepEqual(await engine.read([again, other]), [numbers, numbers]);
  },
);

gpuTest("plain numbers are placed anew each time", async () => {
  using engine = await openWebGpuEngine();
  const changing = numbers.slice();
  const before = await engine.place(changing);
  changing.fill(1);
  const after = await engine.place(changing);
  assert.deepEqual(await engine.read([before, after]), [numbers, changing]);
});

gpuTest("what cannot be placed leaves nothing behind, and may be placed later", async () => {
  using engine = await openWebGpuEngine({ memory: 20 * SIZE });
  const room = await engine.place(new Float32Array(4.5 * SIZE));
  const tensor = float32Tensor(numbers.map((each) => 2 * each), [SIZE]);
  const refused = await Promise.allSettled([engine.place(tensor), engine.place(tensor)]);
  assert.deepEqual(refused.map(({ status }) => status), ["rejected", "rejected"]);
  room.release();
  const placed = await engine.place(tensor);
  assert.deepEqual(await engine.read([placed]), [numbers.map((each) => 2 * each)]);
});

/** bfloat16 numbers 1, 2, … as bytes at an odd place of shared memory. */
function sharedTensor(count: number, offset: number): RawTensor {
  const bytes = new Uint8Array(new SharedArrayBuffer(2 * count + offset), offset);
  const view = new DataView(bytes.buffer, offset);
  for (let at = 0; at < count; at++) view.setUint16(2 * at, bfloat16(at % 256 + 1), true);
  return { dtype: "BF16", shape: [count], bytes };
}

function bfloat16(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] >>> 16;
}

async function assertPlaced(engine: WebGpuEngine, count: number, offset: number): Promise<void> {
  const program = await engine.compile({ y: add(input("x", [count]), input("zero", [count])) });
  const x = await engine.place(sharedTensor(count, offset));
  const { y } = await program.run({ x, zero: new Float32Array(count) });
  assert.deepEqual(y, Float32Array.from({ length: count }, (_, at) => at % 256 + 1));
  x.release();
  await program.release();
}

gpuTest("bytes may be those of shared memory, at any place and of any length", async (engine) => {
  for (const count of [1, 2, 3, 255]) {
    for (const offset of [0, 1, 2, 6]) await assertPlaced(engine, count, offset);
  }
  // More than is written at once.
  await assertPlaced(engine, 2 ** 21 + 2 ** 20 + 1, 2);
});

gpuTest(
  "a tensor of a type that the device lacks is refused, as an error to wait for",
  async (engine) => {
    const tensor = { dtype: "I64", shape: [1], bytes: new Uint8Array(8) } as const;
    await assert.rejects(engine.place(tensor), GraphError);
  },
);
