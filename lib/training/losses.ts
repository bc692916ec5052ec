/**
 * What training makes small, as graphs: scalars, differentiable in logits. How a loss is run is
 * `compiled_loss.ts`.
 */

import { requireShapes, sameShape, type Value } from "../graph/graph.ts";
import { broadcastTo, mean, multiply, subtract, sumTo } from "../graph/ops/elementwise.ts";
import { crossEntropy, klDivergence } from "../graph/ops/likelihood.ts";
import { matmul } from "../graph/ops/matrix.ts";

/**
 * How far a student's logits are from a teacher's, both `[rows, vocabulary]`, with a weight `[1, rows]` for
 * each row: 1/rows is a mean, and 0 leaves a row out.
 */
export type DistillationLoss = (teacher: Value, student: Value, rowWeights: Value) => Value;

/**
 * Mean negative log likelihood of i32 labels `[rows]` under logits `[rows, vocabulary]`, in nats.
 *
 * @example
 * ```ts
 * import { input, meanCrossEntropy, onnxEngine } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const loss = meanCrossEntropy(input("logits", [2, 4]), input("labels", [2], "i32"));
 * const program = await onnxEngine().compile({ loss });
 * const feeds = { logits: new Float32Array(8), labels: Int32Array.of(3, 0) };
 * assert.equal((await program.run(feeds)).loss[0], Math.fround(Math.log(4)));
 * await program.release();
 * ```
 */
export function meanCrossEntropy(logits: Value, labels: Value): Value {
  return mean(crossEntropy(logits, labels));
}

/**
 * Σₜ wₜ · mean((teacherₜ − studentₜ)²): BitDelta's (Liu et al. 2024, equation 4).
 *
 * @example
 * ```ts
 * import { input, onnxEngine, squaredError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [teacher, student] = ["teacher", "student"].map((name) => input(name, [1, 2]));
 * const loss = squaredError(teacher, student, input("weights", [1, 1]));
 * const program = await onnxEngine().compile({ loss });
 * const feeds = { teacher: Float32Array.of(3, 1), student: Float32Array.of(0, 0) };
 * const result = await program.run({ ...feeds, weights: Float32Array.of(1) });
 * assert.equal(result.loss[0], 5);
 * await program.release();
 * ```
 */
export function squaredError(teacher: Value, student: Value, rowWeights: Value): Value {
  requireWeightedRows("squaredError", teacher, student, rowWeights);
  const difference = subtract(teacher, student);
  return mean(matmul(rowWeights, multiply(difference, difference)));
}

/**
 * Σₜ wₜ · KL(softmax(teacherₜ) ‖ softmax(studentₜ)), in nats (Hinton et al. 2015, at temperature 1). The
 * gradient flows into the student only.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, weightedDivergence } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [teacher, student] = ["teacher", "student"].map((name) => input(name, [1, 2]));
 * const loss = weightedDivergence(teacher, student, input("weights", [1, 1]));
 * const program = await onnxEngine().compile({ loss });
 * const feeds = { teacher: Float32Array.of(0, 0), student: Float32Array.of(0, 0) };
 * const result = await program.run({ ...feeds, weights: Float32Array.of(1) });
 * assert.equal(result.loss[0], 0);
 * await program.release();
 * ```
 */
export function weightedDivergence(teacher: Value, student: Value, rowWeights: Value): Value {
  requireWeightedRows("weightedDivergence", teacher, student, rowWeights);
  const divergences = broadcastTo(klDivergence(teacher, student), rowWeights.shape);
  return sumTo(multiply(rowWeights, divergences), []);
}

function requireWeightedRows(name: string, teacher: Value, student: Value, weights: Value): void {
  requireShapes(
    teacher.shape.length === 2 && sameShape(teacher.shape, student.shape) &&
      sameShape(weights.shape, [1, teacher.shape[0]]),
    name,
    [teacher, student, weights],
    "two values [rows, vocabulary] and weights [1, rows]",
  );
}
