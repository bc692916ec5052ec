import assert from "node:assert/strict";
import { GraphError } from "../../lib/util/errors.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, type Numbers, type Value } from "../../lib/graph/graph.ts";
import {
  add,
  constant,
  mean,
  multiply,
  scaleBy,
  stopGradient,
  sumTo,
} from "../../lib/graph/ops/elementwise.ts";
import { gatherRows } from "../../lib/graph/ops/matrix.ts";
import { argmax } from "../../lib/graph/ops/likelihood.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";

const x = input("x", [3]);
const y = input("y", [3]);
const feeds = { x: Float32Array.of(1, -2, 3), y: Float32Array.of(5, 7, 11) };

async function evaluate(outputs: Record<string, Value>): Promise<Record<string, number[]>> {
  const program = await onnxEngine({ threads: 1 }).compile(outputs);
  const results = Object.entries(await program.run(feeds));
  await program.release();
  return Object.fromEntries(results.map(([name, each]: [string, Numbers]) => [name, [...each]]));
}

Deno.test("a value used twice gathers both gradients", async () => {
  // d Σ(x·y + x + 2x) / dx = y + 3, along three paths.
  const loss = sumTo(add(add(multiply(x, y), x), scaleBy(x, 2)), []);
  const [byX] = gradient(loss, [x]);
  assert.deepEqual(await evaluate({ byX }), { byX: [8, 10, 14] });
});

Deno.test("gradients with respect to several values at once", async () => {
  const [byX, byY] = gradient(sumTo(multiply(x, y), []), [x, y]);
  assert.deepEqual(await evaluate({ byX, byY }), { byX: [5, 7, 11], byY: [1, -2, 3] });
});

Deno.test("stopGradient passes the numbers and blocks one path only", async () => {
  const output = multiply(stopGradient(x), x);
  const [byX] = gradient(sumTo(output, []), [x]);
  assert.deepEqual(await evaluate({ output, byX }), { output: [1, 4, 9], byX: [1, -2, 3] });
});

Deno.test("behind stopGradient there is no gradient", () => {
  const loss = sumTo(multiply(stopGradient(x), y), []);
  assert.throws(() => gradient(loss, [x]), GraphError);
  assert.doesNotThrow(() => gradient(loss, [y]));
});

Deno.test("a parameter that the output does not depend on is refused by name", () => {
  assert.throws(
    () => gradient(sumTo(x, []), [x, y]),
    (error: Error) => error instanceof GraphError && error.message.includes("'y'"),
  );
});

Deno.test("whole numbers have no gradient", () => {
  const indices = input("indices", [2], "i32");
  const rows = gatherRows(input("matrix", [4, 3]), indices);
  assert.throws(() => gradient(mean(rows), [indices]), GraphError);
});

Deno.test("a path through an op without a gradient is refused by the op's name", () => {
  const logits = input("logits", [2, 3]);
  const chosen = gatherRows(input("matrix", [3, 3]), argmax(logits));
  assert.throws(() => gradient(mean(chosen), [logits]), GraphError);
  assert.throws(
    () => gradient(argmax(logits), [logits], constant(Float32Array.of(1, 1), [2])),
    (error: Error) => error instanceof GraphError && error.message.includes("'argmax'"),
  );
});

Deno.test("the seed weighs each element of the output", async () => {
  const seed = constant(Float32Array.of(1, 0, -10), [3]);
  const [byX] = gradient(multiply(x, y), [x], seed);
  assert.deepEqual(await evaluate({ byX }), { byX: [5, 0, -110] });
});

Deno.test("a scalar seed scales the gradient of a scalar", async () => {
  const [byX] = gradient(sumTo(multiply(x, y), []), [x], constant(Float32Array.of(0.5), []));
  assert.deepEqual(await evaluate({ byX }), { byX: [2.5, 3.5, 5.5] });
});

Deno.test("a seed of another shape than the output is refused", () => {
  const pair = constant(Float32Array.of(1, 2), [2]);
  assert.throws(() => gradient(add(x, y), [x]), GraphError);
  assert.throws(() => gradient(add(x, y), [x], pair), GraphError);
  assert.throws(() => gradient(sumTo(x, []), [x], pair), GraphError);
});

Deno.test("the gradient with respect to an interior value, and past it", async () => {
  // h = x·y; loss = Σh². dloss/dh = 2h, dloss/dx = 2h·y.
  const hidden = multiply(x, y);
  const loss = sumTo(multiply(hidden, hidden), []);
  const [alone] = gradient(loss, [hidden]);
  const [byHidden, byX] = gradient(loss, [hidden, x]);
  assert.deepEqual(await evaluate({ alone, byHidden, byX }), {
    alone: [10, -28, 66],
    byHidden: [10, -28, 66],
    byX: [50, -196, 726],
  });
});

Deno.test("the gradient of an output with respect to itself is the seed", async () => {
  const seed = constant(Float32Array.of(1, 2, 3), [3]);
  const output = add(x, y);
  const [byItself] = gradient(output, [output], seed);
  assert.deepEqual(await evaluate({ byItself }), { byItself: [1, 2, 3] });
});

Deno.test("the gradient of a gradient", async () => {
  // d/dx Σ(x³) = 3x²; its own gradient along r = y is 6x·y.
  const cube = multiply(multiply(x, x), x);
  const [byX] = gradient(sumTo(cube, []), [x]);
  const [again] = gradient(byX, [x], y);
  assert.deepEqual(await evaluate({ byX, again }), { byX: [3, 12, 27], again: [30, -84, 198] });
});
