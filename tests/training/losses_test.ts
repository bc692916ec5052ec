import assert from "node:assert/strict";
import { input } from "../../lib/graph/graph.ts";
import {
  type DistillationLoss,
  meanCrossEntropy,
  squaredError,
  weightedDivergence,
} from "../../lib/training/losses.ts";
import { GraphError } from "../../lib/util/errors.ts";
import { fixed, normals, testOp, wholes } from "../graph/op_case.ts";
import { crossEntropy, klDivergence } from "../graph/plain/likelihood.ts";

const teacher = normals(1, 5, 7);
const student = normals(2, 5, 7);
const weights = normals(3, 1, 5);

testOp({
  name: "meanCrossEntropy",
  operands: [student, wholes(6, 0, 3, 3, 1)],
  build: meanCrossEntropy,
  plain: (logits, labels) =>
    Float64Array.of(crossEntropy(logits, labels).reduce((sum, each) => sum + each / 5, 0)),
});

testOp({
  name: "squaredError",
  operands: [teacher, student, weights],
  build: squaredError,
  plain: (a, b, rows) =>
    Float64Array.of(
      a.reduce((sum, each, at) => sum + rows[Math.floor(at / 7)] * (each - b[at]) ** 2 / 7, 0),
    ),
});

testOp({
  name: "weightedDivergence",
  operands: [fixed(teacher), student, weights],
  build: weightedDivergence,
  plain: (a, b, rows) =>
    Float64Array.of(klDivergence(a, b, 7).reduce((sum, each, row) => sum + rows[row] * each, 0)),
});

const losses: Record<string, DistillationLoss> = { squaredError, weightedDivergence };
const refused: [why: string, student: number[], weights: number[]][] = [
  ["weights of 3 rows for 5", [5, 7], [1, 3]],
  ["weights that are a vector", [5, 7], [5]],
  ["logits of another vocabulary", [5, 6], [1, 5]],
];

for (const [name, loss] of Object.entries(losses)) {
  for (const [why, studentShape, weightShape] of refused) {
    Deno.test(`${name} refuses ${why}`, () => {
      assert.throws(
        () => loss(input("a", [5, 7]), input("b", studentShape), input("w", weightShape)),
        (error: Error) => error instanceof GraphError && error.message.includes(`'${name}'`),
      );
    });
  }
}
