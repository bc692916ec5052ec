/** `crossEntropy`: the negative log likelihood of each token. */

import { makeValue, type OnnxBuilder, requireShapes, sameShape, type Value } from "../graph.ts";
import { crossEntropies, crossEntropyPartials } from "../../engines/webgpu/kernels/likelihood.ts";

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
    wgsl: (builder, [logits, labels]) => crossEntropies(builder, logits, labels),
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
    wgsl: (builder, [logits, labels, upstream]) =>
      crossEntropyPartials(builder, logits, labels, upstream),
  });
}

function column(builder: OnnxBuilder, vector: string): string {
  return builder.node("Unsqueeze", [vector, builder.constant(BigInt64Array.of(1n), [1])]);
}
