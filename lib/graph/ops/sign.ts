/** `sign`: the signs of a matrix of weights; `signs` makes the same from packed bits. */

import { makeValue, type Value } from "../graph.ts";
import { signText } from "../../engines/webgpu/kernels/signs.ts";

/**
 * −1 or +1 as x is negative or positive; a zero gives `zero`: 0 in the study's scales, +1 in its
 * masks. Piecewise constant, so that no gradient flows through it.
 */
export function sign(x: Value, zero: 0 | 1): Value {
  return makeValue("sign", [x], x.shape, {
    gradient: () => [null],
    onnx: (builder, [x]) => {
      if (zero === 0) return builder.node("Sign", [x]);
      const negative = builder.node("Less", [x, builder.constant(Float32Array.of(0), [])]);
      return builder.node("Where", [
        negative,
        builder.constant(Float32Array.of(-1), []),
        builder.constant(Float32Array.of(1), []),
      ]);
    },
    element: ([x]) => signText(x, zero),
    attributes: { zero },
  });
}
