/** `klDivergence`: how far one model's next-token distribution is from another's, token by token. */

import { makeValue, requireShapes, sameShape, type Value } from "../graph.ts";
import { klDivergences, klPartials } from "../../engines/webgpu/kernels/likelihood.ts";

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
    wgsl: (builder, [teacher, student]) => klDivergences(builder, teacher, student),
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
    wgsl: (builder, [teacher, student, upstream]) =>
      klPartials(builder, teacher, student, upstream),
  });
}
