/** The ±1 of a delta: the signs of its numbers, the same from packed bits, and their product with rows. */

import { makeValue, type OnnxBuilder, requireShapes, type Value } from "../graph.ts";
import { matmul } from "./matrix.ts";

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
    attributes: { zero },
  });
}

/**
 * S `[in, out]` of ±1 from a mask `[⌈in/32⌉, out]` of packed bits: S[32w + k, o] is +1 where bit k of
 * word (w, o) is set, −1 elsewhere. Without a gradient: bits are whole numbers.
 */
export function signMatrix(mask: Value, inputSize: number): Value {
  const [words, outputSize] = mask.shape;
  requireShapes(
    mask.type === "i32" && mask.shape.length === 2 && words === Math.ceil(inputSize / 32),
    "signMatrix",
    [mask],
    `an i32 mask of ${Math.ceil(inputSize / 32)} words a column`,
  );
  return makeValue("signMatrix", [mask], [inputSize, outputSize], {
    gradient: () => [null],
    onnx: (builder, [mask]) => unpackBits(builder, mask, words, inputSize, outputSize),
  });
}

/** The bit tests as ONNX nodes: `(mask & 2^k) ≠ 0 ? 1 : −1` for all k at once. */
function unpackBits(
  builder: OnnxBuilder,
  mask: string,
  words: number,
  inputSize: number,
  outputSize: number,
): string {
  const bits = builder.constant(Int32Array.from({ length: 32 }, (_, k) => 1 << k), [1, 32, 1]);
  const grouped = builder.node("Reshape", [
    mask,
    builder.constant(BigInt64Array.of(BigInt(words), 1n, BigInt(outputSize)), [3]),
  ]);
  const tested = builder.node("BitwiseAnd", [grouped, bits]);
  const cleared = builder.node("Equal", [tested, builder.constant(Int32Array.of(0), [])]);
  const chosen = builder.node("Where", [
    cleared,
    builder.constant(Float32Array.of(-1), []),
    builder.constant(Float32Array.of(1), []),
  ]);
  const padded = builder.node("Reshape", [
    chosen,
    builder.constant(BigInt64Array.of(BigInt(words * 32), BigInt(outputSize)), [2]),
  ]);
  if (words * 32 === inputSize) return padded;
  return builder.node("Slice", [
    padded,
    builder.constant(BigInt64Array.of(0n), [1]),
    builder.constant(BigInt64Array.of(BigInt(inputSize)), [1]),
    builder.constant(BigInt64Array.of(0n), [1]),
  ]);
}

/**
 * V = X · S, `[tokens, in] · [in, out] → [tokens, out]`, with S = {@linkcode signMatrix}(mask). In the
 * words of the study, whose S is `[out, in]`: V = XSᵀ. The mask has no gradient.
 */
export function signMatmul(x: Value, mask: Value): Value {
  const [tokens, inputSize] = x.shape;
  requireShapes(
    x.shape.length === 2 && mask.type === "i32" && mask.shape.length === 2 &&
      mask.shape[0] === Math.ceil(inputSize / 32),
    "signMatmul",
    [x, mask],
    "a matrix [tokens, in] and an i32 mask [⌈in/32⌉, out]",
  );
  const dense = signMatrix(mask, inputSize);
  return makeValue("signMatmul", [x, mask], [tokens, mask.shape[1]], {
    gradient: (upstream) => [matmul(upstream, dense, { transposeSecond: true }), null],
    onnx: (builder, [x, mask]) => builder.node("MatMul", [x, dense.rules.onnx(builder, [mask])]),
  });
}
