/** Weights as they are stored, fed to the CPU engine: widened, gathered and subtracted before a run. */

import assert from "node:assert/strict";
import {
  type FloatType,
  fromFloat32,
  type RawTensor,
  toFloat32,
} from "../../../lib/checkpoint/tensor.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { input, type Value } from "../../../lib/graph/graph.ts";
import { add, scaleBy } from "../../../lib/graph/ops/elementwise.ts";
import { difference } from "../../../lib/graph/ops/difference.ts";
import { gatherRows, matmul } from "../../../lib/graph/ops/matrix.ts";
import { sign } from "../../../lib/graph/ops/signs.ts";
import { GraphError } from "../../../lib/util/errors.ts";
import { SeededRandom } from "../../../lib/util/random.ts";

const engine = onnxEngine({ threads: 2 });
const types: readonly FloatType[] = ["F32", "F16", "BF16"];

/** Random numbers as a tensor of a type, on memory that threads share. */
function stored(dtype: FloatType, shape: number[], seed: number): RawTensor {
  const random = new SeededRandom(seed);
  const length = shape.reduce((product, side) => product * side, 1);
  const bytes = fromFloat32(Float32Array.from({ length }, () => random.normal()), dtype);
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.length + 2)).subarray(2);
  memory.set(bytes);
  return { dtype, shape, bytes: memory };
}

for (const dtype of types) {
  Deno.test(`a product with weights stored as ${dtype} is the one with their floats`, async () => {
    const [x, w] = [input("x", [3, 37]), input("w", [5, 37])];
    const program = await engine.compile({ y: matmul(x, w, { transposeSecond: true }) });
    const [inputs, weights] = [stored("F32", [3, 37], 1), stored(dtype, [5, 37], 2)];
    const placed = await engine.place(weights);
    assert.deepEqual([placed.length, placed.byteLength], [5 * 37, weights.bytes.length]);
    const { y } = await program.run({ x: await engine.place(inputs), w: placed });
    const expected = await program.run({ x: toFloat32(inputs), w: toFloat32(weights) });
    assert.deepEqual(y, expected.y);
    assert.deepEqual(await engine.read([placed]), [toFloat32(weights)]);
    await program.release();
  });

  Deno.test(`rows of a table of ${dtype} are gathered as stored, from the end too`, async () => {
    const [table, tokens] = [input("table", [50, 7]), input("tokens", [4], "i32")];
    const rows = gatherRows(table, tokens);
    const program = await engine.compile({ rows, doubled: scaleBy(rows, 2) });
    const weights = stored(dtype, [50, 7], 3);
    const given = { table: await engine.place(weights), tokens: Int32Array.of(49, 0, 7, -1) };
    const results = await program.run(given);
    const values = toFloat32(weights);
    const expected = [49, 0, 7, 49].flatMap((row) => [...values.subarray(7 * row, 7 * row + 7)]);
    assert.deepEqual([...results.rows], expected);
    assert.deepEqual([...results.doubled], expected.map((each) => 2 * each));
    await program.release();
  });
}

for (const row of [50, -51]) {
  Deno.test(`row ${row} of a table of 50 is refused`, async () => {
    const [table, tokens] = [input("table", [50, 2]), input("tokens", [1], "i32")];
    const program = await engine.compile({ rows: gatherRows(table, tokens) });
    const feeds = { table: new Float32Array(100), tokens: Int32Array.of(row) };
    await assert.rejects(program.run(feeds), (error: Error) => {
      assert.ok(error instanceof GraphError, String(error));
      assert.ok(error.message.includes(`'table' has no such row: got ${row}`), error.message);
      return true;
    });
    await program.release();
  });
}

/** A difference and its signs, of inputs or of what ONNX Runtime computes of them. */
function deltaGraph(type: FloatType, isComputed: boolean): Record<string, Value> {
  const [fine, base] = ["fine", "base"].map((name) => {
    const weights = input(name, [9, 35]);
    return isComputed ? scaleBy(weights, 1) : weights;
  });
  const delta = difference(fine, base, type);
  return { delta, twice: add(delta, delta), zero: sign(delta, 0), one: sign(delta, 1) };
}

for (const type of types) {
  Deno.test(`differences rounded to ${type} and their signs are those of ONNX's nodes`, async () => {
    const [formed, computed] = await Promise.all(
      [false, true].map((isComputed) => engine.compile(deltaGraph(type, isComputed))),
    );
    for (const [ofFine, ofBase] of [[type, type], ["F16", "BF16"], ["BF16", "F32"]] as const) {
      const [fine, base] = [stored(ofFine, [9, 35], 4), stored(ofBase, [9, 35], 5)];
      // Weights that a fine-tune leaves alone, where both have one type.
      if (ofFine === ofBase) base.bytes.set(fine.bytes.subarray(0, 60));
      const feeds = { fine: await engine.place(fine), base: await engine.place(base) };
      const [results, expected] = await Promise.all(
        [formed, computed].map((program) => program.run(feeds)),
      );
      for (const name of ["delta", "twice", "zero", "one"]) {
        assert.deepEqual(results[name], expected[name], name);
      }
      assert.equal(results.zero.includes(0), ofFine === ofBase);
    }
    await formed.release();
    await computed.release();
  });
}

Deno.test("signs alone are formed without their difference, and fed as plain arrays too", async () => {
  const [fine, base] = ["fine", "base"].map((name) => input(name, [4]));
  const program = await engine.compile({ s: sign(difference(fine, base, "F32"), 1) });
  const feeds = { fine: Float32Array.of(1, 2, 3, -4), base: Float32Array.of(2, 2, 1, 0) };
  assert.deepEqual((await program.run(feeds)).s, Float32Array.of(-1, 1, 1, -1));
  await program.release();
});

Deno.test("runs that are asked for together each see their own weights", async () => {
  const [x, w] = [input("x", [2, 64]), input("w", [64, 64])];
  const program = await engine.compile({ y: matmul(x, w, { transposeSecond: true }) });
  const inputs = toFloat32(stored("F32", [2, 64], 6));
  const weights = Array.from({ length: 6 }, (_, seed) => stored("BF16", [64, 64], seed));
  const runs = weights.map(async (each) => {
    const placed = await engine.place(each);
    const { y } = await program.keep({ x: inputs, w: placed });
    placed.release();
    return (await engine.read([y]))[0];
  });
  for (const [index, y] of (await Promise.all(runs)).entries()) {
    const expected = await program.run({ x: inputs, w: toFloat32(weights[index]) });
    assert.deepEqual(y, expected.y);
  }
  await program.release();
});

Deno.test("a run that was asked for sees what is released before its turn", async () => {
  const x = input("x", [4]);
  const program = await engine.compile({ y: scaleBy(x, 2) });
  const { y: kept } = await program.keep({ x: Float32Array.of(1, 2, 3, 4) });
  const runs = [program.run({ x: kept }), program.keep({ x: kept })] as const;
  kept.release();
  kept.release();
  const [{ y }, { y: again }] = await Promise.all(runs);
  assert.deepEqual(y, Float32Array.of(4, 8, 12, 16));
  assert.deepEqual(await engine.read([again]), [y]);
  await program.release();
});

Deno.test("a run that fails leaves the turn to the next", async () => {
  const [table, tokens] = [input("table", [2, 2]), input("tokens", [1], "i32")];
  const program = await engine.compile({ rows: gatherRows(table, tokens) });
  const feeds = (row: number) => ({
    table: Float32Array.of(1, 2, 3, 4),
    tokens: Int32Array.of(row),
  });
  const [failed, done] = await Promise.allSettled([program.run(feeds(2)), program.run(feeds(1))]);
  assert.equal(failed.status, "rejected");
  assert.ok(done.status === "fulfilled");
  assert.deepEqual(done.value.rows, Float32Array.of(3, 4));
  await program.release();
});

Deno.test("what is formed when it is needed is formed in each run, gathered and read too", async () => {
  const [x, w, tokens] = [input("x", [2, 4]), input("w", [3, 4]), input("tokens", [2], "i32")];
  const program = await engine.compile({
    y: matmul(x, w, { transposeSecond: true }),
    rows: gatherRows(input("table", [3, 4]), tokens),
  });
  let factor = 0;
  const formed = await engine.place({
    shape: [3, 4],
    byteLength: 5,
    form: (_kernels, target) => void target.set(target.map((_, at) => factor * at)),
  });
  assert.deepEqual([formed.length, formed.byteLength], [12, 5]);
  const given = { x: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0), w: formed, table: formed };
  for (factor of [1, 3]) {
    const { y, rows } = await program.run({ ...given, tokens: Int32Array.of(2, 0) });
    assert.deepEqual([...y], [0, 4, 8, 1, 5, 9].map((each) => factor * each));
    assert.deepEqual([...rows], [8, 9, 10, 11, 0, 1, 2, 3].map((each) => factor * each));
  }
  assert.deepEqual((await engine.read([formed]))[0][11], 33);
  await program.release();
});
