/** What logits are judged by: likelihoods, divergences, and the token that they rank first. */

import { makeValue, type OnnxBuilder, requireShapes, sameShape, type Value } from "../graph.ts";

/**
 * NLL[t] = −log softmax(logits[t])[label[t]], in nats: `[tokens, vocabulary]` and i32 `[tokens]` →
 * `[tokens]`.
 */
export function crossEntropy(logits: Value, labels: Value): Value {
  const [tokens] = logits.shape;
  requireShapes(
    logits.shape.length === 2 && labels.type === "i32" && sameShape(labels.shape, [tokens]),
    "crossEntropy",
    [logits, labels],
    "logits [tokens, vocabulary] and i32 labels [tokens]",
  );
  return makeValue("crossEntropy", [logits, labels], [tokens], {
    gradient: (upstream) => [crossEntropyGradient(logits, labels, upstream), null],
    onnx: (builder, [logits, labels]) => {
      const logProbabilities = builder.node("LogSoftmax", [logits], { axis: -1 });
      const chosen = builder.node("GatherElements", [
        logProbabilities,
        column(builder, labels),
      ], { axis: 1 });
      const flat = builder.node("Squeeze", [chosen, builder.constant(BigInt64Array.of(1n), [1])]);
      return builder.node("Neg", [flat]);
    },
  });
}

/** ∂/∂logits[t] = g[t] · (softmax(logits[t]) − onehot(label[t])). */
function crossEntropyGradient(logits: Value, labels: Value, upstream: Value): Value {
  return makeValue("crossEntropyGradient", [logits, labels, upstream], logits.shape, {
    onnx: (builder, [logits, labels, upstream]) => {
      const probabilities = builder.node("Softmax", [logits], { axis: -1 });
      const perToken = column(builder, upstream);
      const weighted = builder.node("Mul", [probabilities, perToken]);
      const negative = builder.node("Neg", [perToken]);
      // Subtracts each token's weight at its label only: no one-hot matrix.
      return builder.node("ScatterElements", [weighted, column(builder, labels), negative], {
        axis: 1,
        reduction: "add",
      });
    },
  });
}

function column(builder: OnnxBuilder, vector: string): string {
  return builder.node("Unsqueeze", [vector, builder.constant(BigInt64Array.of(1n), [1])]);
}

/**
 * KL[t] = Σᵥ p(v) · (log p(v) − log q(v)) in nats, with p = softmax(teacher[t]) and
 * q = softmax(student[t]); both `[tokens, vocabulary]` → `[tokens]`. The gradient flows into the
 * student only, as in distillation: g[t] · (q − p).
 */
export function klDivergence(teacher: Value, student: Value): Value {
  requireShapes(
    teacher.shape.length === 2 && sameShape(teacher.shape, student.shape),
    "klDivergence",
    [teacher, student],
    "two logits of one shape [tokens, vocabulary]",
  );
  return makeValue("klDivergence", [teacher, student], [teacher.shape[0]], {
    gradient: (upstream) => [null, klGradient(teacher, student, upstream)],
    onnx: (builder, [teacher, student]) => {
      const logP = builder.node("LogSoftmax", [teacher], { axis: -1 });
      const logQ = builder.node("LogSoftmax", [student], { axis: -1 });
      const terms = builder.node("Mul", [
        builder.node("Exp", [logP]),
        builder.node("Sub", [logP, logQ]),
      ]);
      const axis = builder.constant(BigInt64Array.of(1n), [1]);
      return builder.node("ReduceSum", [terms, axis], { keepdims: 0 });
    },
  });
}

function klGradient(teacher: Value, student: Value, upstream: Value): Value {
  return makeValue("klGradient", [teacher, student, upstream], student.shape, {
    onnx: (builder, [teacher, student, upstream]) => {
      const error = builder.node("Sub", [
        builder.node("Softmax", [student], { axis: -1 }),
        builder.node("Softmax", [teacher], { axis: -1 }),
      ]);
      const axis = builder.constant(BigInt64Array.of(1n), [1]);
      return builder.node("Mul", [error, builder.node("Unsqueeze", [upstream, axis])]);
    },
  });
}

/** argmax over the vocabulary, the lowest token on a tie: `[tokens, vocabulary]` → i32 `[tokens]`. */
export function argmax(logits: Value): Value {
  requireShapes(logits.shape.length === 2, "argmax", [logits], "logits [tokens, vocabulary]");
  return makeValue("argmax", [logits], [logits.shape[0]], {
    onnx: (builder, [logits]) => {
      const index = builder.node("ArgMax", [logits], { axis: 1, keepdims: 0 });
      return builder.node("Cast", [index], { to: 6 });
    },
  }, "i32");
}
