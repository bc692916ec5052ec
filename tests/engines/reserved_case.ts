/** What memory that an engine reserves does, whichever engine it is. */

import assert from "node:assert/strict";
import { fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { Engine, Reserved, ReservedInfo } from "../../lib/graph/engine.ts";
import { input } from "../../lib/graph/graph.ts";
import { scaleBy } from "../../lib/graph/ops/elementwise.ts";
import { GraphError } from "../../lib/util/errors.ts";

/** Twice what is fed as `x`. */
async function doubled(engine: Engine, x: Reserved): Promise<number[]> {
  const program = await engine.compile({ y: scaleBy(input("x", x.shape), 2) });
  try {
    const { y } = await program.run({ x });
    return [...y];
  } finally {
    await program.release();
  }
}

/** Reads zeros, writes pieces as they are stored, and sees them in the runs that follow. */
export async function checkWrites(engine: Engine): Promise<void> {
  for (const dtype of ["F32", "F16", "BF16"] as const) {
    const reserved = await engine.reserve({ dtype, shape: [2, 3] }, "table");
    const bytes = dtype === "F32" ? 4 : 2;
    assert.deepEqual([reserved.length, reserved.byteLength], [6, 6 * bytes]);
    assert.deepEqual(await doubled(engine, reserved), [0, 0, 0, 0, 0, 0]);
    const written = fromFloat32(Float32Array.of(1.5, -2), dtype);
    await reserved.write(4, { dtype, shape: [2], bytes: written });
    assert.deepEqual(await doubled(engine, reserved), [0, 0, 0, 0, 3, -4]);
    reserved.release();
    reserved.release();
  }
  const widened = await engine.reserve({ dtype: "F32", shape: [3] }, "table");
  const bytes = fromFloat32(Float32Array.of(0.5, 3), "BF16");
  await widened.write(1, { dtype: "BF16", shape: [2], bytes });
  assert.deepEqual(await engine.read([widened]), [Float32Array.of(0, 0.5, 3)]);
  widened.release();
  const whole = await engine.reserve({ dtype: "I32", shape: [4] }, "masks");
  await whole.write(1, Int32Array.of(-7, 8));
  assert.deepEqual(await engine.read([whole]), [Int32Array.of(0, -7, 8, 0)]);
  whole.release();
}

/** Copies other memory whole, and goes on by itself. */
export async function checkCopies(engine: Engine): Promise<void> {
  for (const dtype of ["F32", "F16", "BF16"] as const) {
    const stored = (...values: number[]) => {
      const bytes = fromFloat32(Float32Array.from(values), dtype);
      return { dtype, shape: [values.length], bytes };
    };
    const [small, large] = [
      await engine.reserve({ dtype, shape: [4] }, "small"),
      await engine.reserve({ dtype, shape: [2, 4] }, "large"),
    ];
    await small.write(0, stored(1, 2, 3, 4));
    const copied = large.write(4, small);
    const changed = small.write(0, stored(9, 9));
    await Promise.all([copied, changed]);
    assert.deepEqual(await doubled(engine, large), [0, 0, 0, 0, 2, 4, 6, 8]);
    assert.deepEqual(await doubled(engine, small), [18, 18, 6, 8]);
    await assert.rejects(large.write(6, small), /does not lie within 'large'/);
    await assert.rejects(small.write(0, large), /does not lie within 'small'/);
    const other = await engine.reserve({ dtype: "I32", shape: [4] }, "other");
    await assert.rejects(other.write(0, small), /'other' is of another type/);
    small.release();
    await assert.rejects(large.write(0, small), /'small' is copied after its release/);
    for (const each of [large, other]) each.release();
  }
}

/** Memory that was used before is zeros again. */
export async function checkZeros(engine: Engine): Promise<void> {
  const info: ReservedInfo = { dtype: "F32", shape: [1000] };
  for (let time = 0; time < 3; time++) {
    const reserved = await engine.reserve(info, "table");
    assert.deepEqual(await engine.read([reserved]), [new Float32Array(1000)]);
    await reserved.write(0, new Float32Array(1000).fill(7));
    reserved.release();
  }
}

/** Refuses what does not fit, and writes nothing of it. */
export async function checkRefusals(engine: Engine): Promise<void> {
  const reserve = (dtype: string, ...shape: number[]) =>
    engine.reserve({ dtype, shape } as ReservedInfo, "table");
  for (const refused of [reserve("F64", 2), reserve("F32", 0), reserve("F32", 1.5)]) {
    await assert.rejects(refused, /'table' cannot be reserved: got .*; expected F32, F16, BF16 or/);
  }
  const floats = await reserve("F32", 4);
  const half = await reserve("BF16", 5);
  const whole = await reserve("I32", 4);
  const two = fromFloat32(Float32Array.of(1, 2), "BF16");
  const lies =
    /what is written does not lie within 'table': got 'elements .*; expected elements of/;
  const type = /what is written into 'table' is of another type: got '(F32|I32|F16|BF16)'/;
  const refusals: [Promise<void>, RegExp][] = [
    [floats.write(3, Float32Array.of(1, 2)), lies],
    [floats.write(-1, Float32Array.of(1)), lies],
    [floats.write(0.5, Float32Array.of(1)), lies],
    [floats.write(0, Int32Array.of(1)), type],
    [whole.write(0, Float32Array.of(1)), type],
    [half.write(0, Float32Array.of(1, 2)), type],
    [half.write(0, { dtype: "F16", shape: [2], bytes: two }), type],
    [half.write(1, { dtype: "BF16", shape: [2], bytes: two }), lies],
    [half.write(0, { dtype: "BF16", shape: [1], bytes: two.subarray(2) }), lies],
    [half.write(0, { dtype: "BF16", shape: [3], bytes: two }), /not as long as its shape/],
  ];
  for (const [refused, words] of refusals) {
    await assert.rejects(refused, (error: Error) => {
      assert.ok(error instanceof GraphError, String(error));
      assert.match(error.message, words);
      return true;
    });
  }
  // The last element of an odd number ends where all does.
  await half.write(4, { dtype: "BF16", shape: [1], bytes: two.subarray(2) });
  assert.deepEqual(await doubled(engine, half), [0, 0, 0, 0, 4]);
  assert.deepEqual(await engine.read([floats, whole]), [new Float32Array(4), new Int32Array(4)]);
  floats.release();
  await assert.rejects(floats.write(0, Float32Array.of(1)), /'table' is written after its release/);
  await assert.rejects(doubled(engine, floats), /input 'x' does not fit: got 'f32\[0\]'/);
  half.release();
  whole.release();
}
