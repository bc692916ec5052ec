/** The ONNX rule of ops that only rewritings of a graph for a GPU make. */

import { GraphError } from "../../../util/errors.ts";

/** A rule that refuses: no ONNX node does what the kernel of `operation` does. */
export function withoutOnnx(operation: string): () => never {
  return () => {
    throw new GraphError({
      problem: `'${operation}' has no ONNX nodes`,
      expected: "a graph that was not rewritten for a GPU",
    });
  };
}
