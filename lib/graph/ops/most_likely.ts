/** `mostLikely`: the token that a model ranks first. */

import { makeValue, requireShapes, type Value } from "../graph.ts";
import { firstLargest } from "../../engines/webgpu/kernels/most_likely.ts";

/** argmax over the vocabulary, the lowest token on a tie: `[tokens, vocabulary]` → i32 `[tokens]`. */
export function mostLikely(logits: Value): Value {
  requireShapes(logits.shape.length === 2, "mostLikely", [logits], "logits [tokens, vocabulary]");
  return makeValue("mostLikely", [logits], [logits.shape[0]], {
    onnx: (builder, [logits]) => {
      const index = builder.node("ArgMax", [logits], { axis: 1, keepdims: 0 });
      return builder.node("Cast", [index], { to: 6 });
    },
    wgsl: (builder, [logits]) => firstLargest(builder, logits),
  }, "i32");
}
