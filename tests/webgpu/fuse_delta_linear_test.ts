/** Which compressed linear layers become one op, and what their gradients become. No device is needed. */

import assert from "node:assert/strict";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import { add, multiply, stopGradient } from "../../lib/graph/ops/elementwise.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { signMatmul, signMatrix } from "../../lib/graph/ops/signs.ts";
import { fuse } from "../../lib/engines/webgpu/fused/fuse.ts";

const x = input("x", [5, 40]);
const weight = input("weight", [7, 40]);
const mask = input("mask", [2, 7], "i32");
const scale = input("scale", []);
const dense = matmul(x, weight, { transposeSecond: true });
const signed = signMatmul(x, mask);
const scaled = multiply(signed, scale);
const output = add(dense, scaled);
const upstream = input("upstream", [5, 7]);

function operations(outputs: Readonly<Record<string, Value>>): string[] {
  return topologicalOrder(Object.values(fuse(outputs)))
    .map(({ operation }) => operation).filter((operation) => operation !== "input").sort();
}

Deno.test("a compressed linear layer becomes one op on the same inputs", () => {
  const { output: fused } = fuse({ output });
  assert.equal(fused.operation, "deltaLinear");
  assert.deepEqual(fused.inputs, [x, weight, mask, scale]);
  assert.deepEqual(fused.attributes, { keepSigned: false });
});

const alike = {
  "with its terms swapped": add(scaled, dense),
  "with its second product detached": add(
    dense,
    multiply(signMatmul(stopGradient(x), mask), scale),
  ),
  "with its first product detached": add(
    matmul(stopGradient(x), weight, { transposeSecond: true }),
    scaled,
  ),
  "with a scale for each output": add(dense, multiply(signed, input("scales", [7]))),
};

for (const [name, layer] of Object.entries(alike)) {
  Deno.test(`a compressed linear layer ${name} becomes one op`, () => {
    assert.ok(operations({ layer }).includes("deltaLinear"));
    assert.ok(!operations({ layer }).includes("signMatmul"));
  });
}

Deno.test("layers that share their input become one op each", () => {
  const other = add(
    matmul(x, input("other weight", [7, 40]), { transposeSecond: true }),
    multiply(signMatmul(x, input("other mask", [2, 7], "i32")), input("other scale", [])),
  );
  assert.deepEqual(operations({ sum: add(output, other) }), ["add", "deltaLinear", "deltaLinear"]);
});

Deno.test("the gradient of the scale reads the signed product of the fused op", () => {
  const [byScale] = gradient(output, [scale], upstream);
  assert.deepEqual(operations({ output, byScale }), ["deltaLinear", "multiply", "part", "sumTo"]);
  const layer = fuse({ output, byScale }).output;
  assert.deepEqual(layer.attributes, { keepSigned: true });
});

Deno.test("the gradient of the input reads the packed signs", () => {
  const [byX] = gradient(output, [x], upstream);
  assert.deepEqual(operations({ byX }), ["add", "matmul", "multiply", "signMatmulTransposed"]);
});

Deno.test("a product with unpacked signs reads the packed ones", () => {
  assert.deepEqual(operations({ y: matmul(x, signMatrix(mask, 40)) }), ["signMatmul"]);
});

const unlike = {
  "of two inputs": {
    layer: add(matmul(input("z", [5, 40]), weight, { transposeSecond: true }), scaled),
  },
  "whose dense product is an output": { layer: output, dense },
  "whose scaled product is an output": { layer: output, scaled },
  "scaled by a matrix": { layer: add(dense, multiply(signed, upstream)) },
};

for (const [name, outputs] of Object.entries(unlike)) {
  Deno.test(`a layer ${name} stays as it is`, () => {
    assert.ok(!operations(outputs).includes("deltaLinear"));
  });
}
