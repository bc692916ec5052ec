import assert from "node:assert/strict";
import { GraphError } from "../../../lib/util/errors.ts";
import type { Program } from "../../../lib/graph/engine.ts";
import { gradient } from "../../../lib/graph/gradient.ts";
import { input, type Numbers, type Value } from "../../../lib/graph/graph.ts";
import { add, constant, scaleBy, silu } from "../../../lib/graph/ops/elementwise.ts";
import { gatherRows, matmul } from "../../../lib/graph/ops/matrix.ts";
import { argmax } from "../../../lib/graph/ops/likelihood.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { SeededRandom } from "../../../lib/util/random.ts";
import { assertWithin, relativeError } from "../../graph/closeness.ts";

const x = input("x", [2, 2]);
const fed = { x: Float32Array.of(1, 2, 3, 4) };

/** Compiles `outputs` on one thread, and frees the program when `use` is done. */
async function withProgram(
  outputs: Record<string, Value>,
  use: (program: Program) => Promise<void>,
): Promise<void> {
  const program = await onnxEngine({ threads: 1 }).compile(outputs);
  try {
    await use(program);
  } finally {
    await program.release();
  }
}

const misfits: [name: string, feeds: Record<string, Numbers>, words: string[]][] = [
  ["a missing feed", {}, ["'x'", "nothing", "f32[2,2]"]],
  ["a feed that is too short", { x: new Float32Array(3) }, ["'x'", "f32[3]", "f32[2,2]"]],
  ["a feed that is too long", { x: new Float32Array(5) }, ["'x'", "f32[5]", "f32[2,2]"]],
  ["a feed of another type", { x: new Int32Array(4) }, ["'x'", "i32[4]", "f32[2,2]"]],
];

for (const [name, feeds, words] of misfits) {
  Deno.test(`a run refuses ${name}`, async () => {
    await withProgram({ y: scaleBy(x, 2) }, async (program) => {
      await assert.rejects(program.run(feeds), (error: Error) => {
        assert.ok(error instanceof GraphError, String(error));
        for (const word of words) assert.ok(error.message.includes(word), error.message);
        return true;
      });
      assert.deepEqual((await program.run(fed)).y, Float32Array.of(2, 4, 6, 8));
    });
  });
}

Deno.test("two names may stand for one value, and an output may be an input", async () => {
  const doubled = scaleBy(x, 2);
  const outputs = { one: doubled, another: doubled, asFed: x, "a name with spaces": doubled };
  await withProgram(outputs, async (program) => {
    const results = await program.run(fed);
    const expected = Float32Array.of(2, 4, 6, 8);
    assert.deepEqual(results, {
      one: expected,
      another: expected,
      asFed: fed.x,
      "a name with spaces": expected,
    });
  });
});

Deno.test("an output may have the name of an input", async () => {
  await withProgram({ x: scaleBy(x, 2) }, async (program) => {
    assert.deepEqual((await program.run(fed)).x, Float32Array.of(2, 4, 6, 8));
  });
});

Deno.test("a graph without inputs runs without feeds", async () => {
  const numbers = constant(Float32Array.of(1, 2, 3), [3]);
  await withProgram({ asIs: numbers, sum: add(numbers, numbers) }, async (program) => {
    const results = await program.run({});
    assert.deepEqual(results.asIs, Float32Array.of(1, 2, 3));
    assert.deepEqual(results.sum, Float32Array.of(2, 4, 6));
  });
});

Deno.test("whole numbers go in and come out as such", async () => {
  const tokens = input("tokens", [3], "i32");
  const logits = input("logits", [1, 4]);
  await withProgram({ tokens, chosen: argmax(logits) }, async (program) => {
    const given = { tokens: Int32Array.of(7, -1, 2 ** 30), logits: Float32Array.of(0, 3, 1, 2) };
    const results = await program.run(given);
    assert.deepEqual(results, { tokens: given.tokens, chosen: Int32Array.of(1) });
  });
});

Deno.test("a run's results are its own, however many runs were asked for before", async () => {
  await withProgram({ y: scaleBy(x, 2), asFed: x }, async (program) => {
    const feeds = Array.from({ length: 5 }, (_, run) => Float32Array.of(run, 1, 2, 3));
    const results = await Promise.all(feeds.map((x) => program.run({ x })));
    for (const [run, { y, asFed }] of results.entries()) {
      assert.deepEqual(y, Float32Array.of(2 * run, 2, 4, 6));
      assert.deepEqual(asFed, feeds[run]);
    }
  });
});

Deno.test("one thread and two agree, and a run repeats itself", async () => {
  const [rows, inner] = [67, 129];
  const a = input("a", [rows, inner]);
  const b = input("b", [rows, inner]);
  const outputs = { y: silu(matmul(a, b, { transposeSecond: true })) };
  const random = new SeededRandom(5);
  const normals = () => Float32Array.from({ length: rows * inner }, () => random.normal());
  const feeds = { a: normals(), b: normals() };
  const results: Numbers[] = [];
  for (const threads of [1, 2]) {
    const engine = onnxEngine({ threads });
    assert.match(engine.name, new RegExp(`^onnxruntime-node \\S+, ${threads} threads?$`));
    const program = await engine.compile(outputs);
    const first = (await program.run(feeds)).y.slice();
    assert.deepEqual((await program.run(feeds)).y, first);
    results.push(first);
    await program.release();
  }
  assertWithin(relativeError(results[1], results[0]), 1e-6, "two threads");
});

Deno.test("two threads add rows of the same token in the order of the rows", async () => {
  const [rows, tokens, columns] = [2, 30_000, 64];
  const matrix = input("matrix", [rows, columns]);
  const indices = input("indices", [tokens], "i32");
  const upstream = input("upstream", [tokens, columns]);
  const [sums] = gradient(gatherRows(matrix, indices), [matrix], upstream);
  const random = new SeededRandom(6);
  const feeds = {
    indices: Int32Array.from({ length: tokens }, (_, token) => token % rows),
    upstream: Float32Array.from({ length: tokens * columns }, () => random.normal()),
  };
  const expected = new Float32Array(rows * columns);
  feeds.upstream.forEach((each, at) => {
    expected[feeds.indices[Math.floor(at / columns)] * columns + at % columns] += each;
  });
  const program = await onnxEngine({ threads: 2 }).compile({ sums });
  for (let run = 0; run < 20; run++) assert.deepEqual((await program.run(feeds)).sums, expected);
  await program.release();
});

Deno.test("a program that is released runs no more", async () => {
  const program = await onnxEngine({ threads: 1 }).compile({ y: scaleBy(x, 2) });
  await program.run(fed);
  await program.release();
  await assert.rejects(program.run(fed));
});
