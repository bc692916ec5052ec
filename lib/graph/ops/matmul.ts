/** `matmul`: the product of two matrices, either of them transposed. */

import { makeValue, requireShapes, type Value } from "../graph.ts";
import { matmulKernel } from "../../engines/webgpu/kernels/matmul.ts";

/** Which factors are transposed before the product. */
export interface MatmulOptions {
  transposeFirst?: boolean;
  transposeSecond?: boolean;
}

/**
 * op(a) · op(b), where op transposes or not. A linear layer is
 * `matmul(x, weight, { transposeSecond: true })`: `[tokens, in] · [out, in]ᵀ → [tokens, out]`.
 */
export function matmul(a: Value, b: Value, options: MatmulOptions = {}): Value {
  const { transposeFirst = false, transposeSecond = false } = options;
  const [rows, inner] = transposeFirst ? a.shape.toReversed() : a.shape;
  const [innerOfSecond, columns] = transposeSecond ? b.shape.toReversed() : b.shape;
  requireShapes(
    a.shape.length === 2 && b.shape.length === 2 && inner === innerOfSecond,
    "matmul",
    [a, b],
    `two matrices that share their inner size${transposeFirst ? ", the first transposed" : ""}` +
      (transposeSecond ? ", the second transposed" : ""),
  );
  return makeValue("matmul", [a, b], [rows, columns], {
    gradient: (upstream) => [
      transposeFirst
        ? matmul(b, upstream, { transposeFirst: transposeSecond, transposeSecond: true })
        : matmul(upstream, b, { transposeSecond: !transposeSecond }),
      transposeSecond
        ? matmul(upstream, a, { transposeFirst: true, transposeSecond: transposeFirst })
        : matmul(a, upstream, { transposeFirst: !transposeFirst }),
    ],
    onnx: (builder, inputs) =>
      builder.node("Gemm", inputs, { transA: +transposeFirst, transB: +transposeSecond }),
    wgsl: (builder, [first, second]) =>
      builder.dispatch(
        matmulKernel(builder, { first, second, transposeFirst, transposeSecond }),
      ),
    attributes: { transposeFirst, transposeSecond },
  });
}
