/** `stopGradient`: a value through which no gradient flows. */

import { makeValue, type Value } from "../graph.ts";

/** x itself, as a constant in the eyes of the gradient. */
export function stopGradient(x: Value): Value {
  return makeValue("stopGradient", [x], x.shape, {
    gradient: () => [null],
    onnx: (_builder, [x]) => x,
    wgsl: (_builder, [x]) => x,
  });
}
