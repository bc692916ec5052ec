/** Which pairs of products with a delta and its signs become one op. No device is needed. */

import assert from "node:assert/strict";
import { input, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { multiply, sumTo } from "../../lib/graph/ops/elementwise.ts";
import { sign } from "../../lib/graph/ops/signs.ts";
import { fuse } from "../../lib/engines/webgpu/fused/fuse.ts";

const x = input("x", [5, 40]);
const delta = input("delta", [7, 40]);
const linear = (x: Value, weight: Value) => matmul(x, weight, { transposeSecond: true });
const projected = linear(x, delta);
const signs = sign(delta, 0);
const signed = linear(x, signs);
const products = {
  cross: sumTo(multiply(projected, signed), [7]),
  square: sumTo(multiply(signed, signed), [7]),
};

function operations(outputs: Readonly<Record<string, Value>>): string[] {
  return topologicalOrder(Object.values(fuse(outputs)))
    .map(({ operation }) => operation).filter((operation) => operation !== "input").sort();
}

Deno.test("what a calibration compares is computed by one op, and no matrix of signs is formed", () => {
  const expected = ["deltaProjections", "multiply", "multiply", "part", "sumTo", "sumTo"];
  assert.deepEqual(operations(products), expected);
});

Deno.test("the fused op reads the same inputs and keeps the sign of a zero", () => {
  for (const zero of [0, 1] as const) {
    const { u, v } = fuse({ u: projected, v: linear(x, sign(delta, zero)) });
    assert.deepEqual(u.inputs, [x, delta]);
    assert.deepEqual(u.attributes, { zero });
    assert.deepEqual(v.inputs, [u]);
  }
});

const unlike: Record<string, Record<string, Value>> = {
  "products of two inputs": { projected, signed: linear(input("z", [5, 40]), signs) },
  "signs of another delta": { projected, signed: linear(x, sign(input("other", [7, 40]), 0)) },
  "signs that are an output too": { projected, signed, signs },
  "a product with signs alone": { signed },
  "signs that are transposed": {
    projected: linear(input("wide", [5, 40]), delta),
    signed: matmul(input("narrow", [5, 7]), signs),
  },
};

for (const [name, outputs] of Object.entries(unlike)) {
  Deno.test(`${name}: nothing is fused`, () => {
    assert.deepEqual(operations(outputs).filter((each) => each === "deltaProjections"), []);
  });
}
