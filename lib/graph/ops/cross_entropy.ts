/** `crossEntropy`: the negative log likelihood of each token. */

import { makeValue, type OnnxBuilder, requireShapes, type Value } from "../graph.ts";

/**
 * NLL[t] = −log softmax(logits[t])[label[t]], in nats: `[tokens, vocabulary]` and i32 `[tokens]` →
 * `[tokens]`.
 */
export function crossEntropy(logits: Value, labels: Value): Value {
  const [tokens, vocabulary] = logits.shape;
  requireShapes(
    logits.shape.length === 2 && labels.type === "i32" && labels.shape[0] === tokens,
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

  /** ∂/∂logits[t] = g[t] · (softmax(logits[t]) − onehot(label[t])). */
  function crossEntropyGradient(logits: Value, labels: Value, upstream: Value): Value {
    return makeValue("crossEntropyGradient", [logits, labels, upstream], logits.shape, {
      onnx: (builder, [logits, labels, upstream]) => {
        const hot = builder.node("OneHot", [
          labels,
          builder.constant(Int32Array.of(vocabulary), []),
          builder.constant(Float32Array.of(0, 1), [2]),
        ]);
        const probabilities = builder.node("Softmax", [logits], { axis: -1 });
        const error = builder.node("Sub", [probabilities, hot]);
        return builder.node("Mul", [error, column(builder, upstream)]);
      },
    });
  }
}

function column(builder: OnnxBuilder, vector: string): string {
  return builder.node("Unsqueeze", [vector, builder.constant(BigInt64Array.of(1n), [1])]);
}
