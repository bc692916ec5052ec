/** Operands that do not fit: each op says so when the graph is built, not when it runs. */

import assert from "node:assert/strict";
import { GraphError } from "../../../lib/util/errors.ts";
import { input, type Shape, type Value } from "../../../lib/graph/graph.ts";
import {
  add,
  broadcastTo,
  constant,
  multiply,
  reshape,
  subtract,
  sumTo,
} from "../../../lib/graph/ops/elementwise.ts";
import { attentionMix, attentionScores, maskedSoftmax } from "../../../lib/graph/ops/attention.ts";
import { argmax, crossEntropy, klDivergence } from "../../../lib/graph/ops/likelihood.ts";
import { firstColumns, gatherRows, matmul } from "../../../lib/graph/ops/matrix.ts";
import { rotary } from "../../../lib/graph/ops/rotary.ts";
import { signMatmul, signMatrix } from "../../../lib/graph/ops/signs.ts";

type Binary = (a: Value, b: Value) => Value;

const real = (...shape: number[]) => input("x", shape);
const whole = (...shape: number[]) => input("w", shape, "i32");

/** 2 sequences of 3 tokens, heads of 4 features. */
const layout = { batch: 2, sequence: 3, headSize: 4 };
const scores: Binary = (queries, keys) => attentionScores(queries, keys, layout);
const mix: Binary = (weights, values) => attentionMix(weights, values, layout);
const mixTransposed: Binary = (weights, rows) => attentionMix(weights, rows, layout, 1);
const softmax: Binary = (scores, attentionMask) =>
  maskedSoftmax(scores, { slidingWindow: null, attentionMask });
const turns = { frequencies: Float32Array.of(1, 0.01), attentionFactor: 1 };
const rotated = (x: Value) => rotary(x, layout, turns);
const firstTransposed: Binary = (a, b) => matmul(a, b, { transposeFirst: true });

/** Two operands each that the op must refuse, and why. */
const binary: [why: string, operation: string, op: Binary, a: Value, b: Value][] = [
  ["rows differ", "add", add, real(2, 3), real(3, 3)],
  ["not the trailing axis", "add", add, real(2, 3), real(2)],
  ["columns differ", "subtract", subtract, real(2, 3), real(2, 4)],
  ["not the trailing axis", "multiply", multiply, real(2, 3), real(2)],
  ["the second has more axes", "multiply", multiply, real(3), real(2, 3)],
  ["inner sizes differ", "matmul", (a, b) => matmul(a, b), real(2, 3), real(4, 5)],
  ["inner sizes differ once transposed", "matmul", firstTransposed, real(3, 2), real(2, 5)],
  ["not a matrix", "matmul", (a, b) => matmul(a, b), real(3), real(3, 2)],
  ["too few words for 33 inputs", "signMatmul", signMatmul, real(2, 33), whole(1, 5)],
  ["the mask is not of whole numbers", "signMatmul", signMatmul, real(2, 32), real(1, 5)],
  ["the mask is a vector", "signMatmul", signMatmul, real(2, 32), whole(1)],
  ["indices are not whole numbers", "gatherRows", gatherRows, real(4, 2), real(3)],
  ["indices are a matrix", "gatherRows", gatherRows, real(4, 2), whole(3, 1)],
  ["fewer labels than tokens", "crossEntropy", crossEntropy, real(4, 9), whole(3)],
  ["labels are not whole numbers", "crossEntropy", crossEntropy, real(4, 9), real(4)],
  ["labels are a matrix", "crossEntropy", crossEntropy, real(4, 9), whole(4, 1)],
  ["vocabularies differ", "klDivergence", klDivergence, real(4, 9), real(4, 8)],
  ["rows are not batch · sequence", "attentionScores", scores, real(5, 8), real(5, 8)],
  ["keys are not whole heads", "attentionScores", scores, real(6, 12), real(6, 6)],
  ["3 query heads cannot share 2", "attentionScores", scores, real(6, 12), real(6, 8)],
  ["3 heads of weights cannot share 2", "attentionMix", mix, real(2, 3, 3, 3), real(6, 8)],
  ["values are not whole heads", "attentionMix", mix, real(2, 3, 3, 3), real(6, 6)],
  ["weights of another batch", "attentionMix", mix, real(1, 2, 3, 3), real(6, 8)],
  ["weights of another sequence", "attentionMix", mix, real(2, 2, 4, 4), real(6, 8)],
  ["rows of another number of heads", "attentionMix", mixTransposed, real(2, 2, 3, 3), real(6, 4)],
  ["an attention mask of one sequence", "maskedSoftmax", softmax, real(2, 4, 3, 3), whole(1, 3)],
  ["an attention mask of real numbers", "maskedSoftmax", softmax, real(2, 4, 3, 3), real(2, 3)],
  ["more keys than queries", "maskedSoftmax", softmax, real(2, 4, 3, 5), whole(2, 3)],
];

/** One operand each that the op must refuse, and why. */
const unary: [why: string, operation: string, op: (x: Value) => Value, x: Value][] = [
  ["two words for 32 inputs", "signMatrix", (mask) => signMatrix(mask, 32), whole(2, 5)],
  ["a mask that is a vector", "signMatrix", (mask) => signMatrix(mask, 32), whole(1)],
  ["not the trailing axis", "sumTo", (x) => sumTo(x, [2]), real(2, 3)],
  ["more axes than there are", "sumTo", (x) => sumTo(x, [2, 3]), real(3)],
  ["not the trailing axis", "broadcastTo", (x) => broadcastTo(x, [2, 3]), real(2)],
  ["fewer axes than there are", "broadcastTo", (x) => broadcastTo(x, [3]), real(2, 3)],
  ["more columns than there are", "firstColumns 4", (x) => firstColumns(x, 4), real(2, 3)],
  ["no columns", "firstColumns 0", (x) => firstColumns(x, 0), real(2, 3)],
  ["a vector of logits", "argmax", argmax, real(9)],
  ["rows are not batch · sequence", "rotary", rotated, real(5, 8)],
  ["features are not whole heads", "rotary", rotated, real(6, 10)],
];

function assertRefused(build: () => Value, operation: string, operands: Value[]): void {
  assert.throws(build, (error: Error) => {
    assert.ok(error instanceof GraphError, String(error));
    assert.ok(error.message.includes(`'${operation}'`), error.message);
    for (const { shape } of operands) {
      assert.ok(error.message.includes(`[${shape}]`), error.message);
    }
    return true;
  });
}

for (const [why, operation, op, a, b] of binary) {
  Deno.test(`${operation} refuses operands: ${why}`, () => {
    assertRefused(() => op(a, b), operation, [a, b]);
  });
}

for (const [why, operation, op, x] of unary) {
  Deno.test(`${operation} refuses an operand: ${why}`, () => {
    assertRefused(() => op(x), operation, [x]);
  });
}

Deno.test("rotary refuses heads of an odd size", () => {
  const odd = { batch: 2, sequence: 3, headSize: 5 };
  const x = real(6, 10);
  assertRefused(() => rotary(x, odd, turns), "rotary", [x]);
});

Deno.test("rotary refuses other frequencies than one for each pair", () => {
  const x = real(6, 12);
  assertRefused(() => rotary(x, { ...layout, headSize: 6 }, turns), "rotary", [x]);
});

Deno.test("reshape refuses a shape of more elements", () => {
  const x = real(2, 3);
  assertRefused(() => reshape(x, [2, 4]), "reshape", [x]);
});

Deno.test("constant refuses fewer numbers than its shape holds", () => {
  const shape: Shape = [2, 2];
  assertRefused(() => constant(Float32Array.of(1, 2, 3), shape), "constant", [real(...shape)]);
});
