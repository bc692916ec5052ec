/** `signs`: the ±1 matrix that a packed mask stands for. */

import { makeValue, type OnnxBuilder, requireShapes, type Value } from "../graph.ts";
import { elementKernel } from "../../engines/webgpu/kernels/grid.ts";

/**
 * S `[in, out]` of ±1 from a mask `[⌈in/32⌉, out]` of packed bits: S[32w + k, o] is +1 where bit k of
 * word (w, o) is set, −1 elsewhere. Without a gradient: bits are whole numbers.
 */
export function signs(mask: Value, inputSize: number): Value {
  const [words, outputSize] = mask.shape;
  requireShapes(
    mask.type === "i32" && mask.shape.length === 2 && words === Math.ceil(inputSize / 32),
    "signs",
    [mask],
    `an i32 mask of ${Math.ceil(inputSize / 32)} words a column`,
  );
  return makeValue("signs", [mask], [inputSize, outputSize], {
    gradient: () => [null],
    onnx: (builder, [mask]) => unpackBits(builder, mask, words, inputSize, outputSize),
    wgsl: (builder, [mask]) =>
      builder.dispatch(elementKernel(inputSize * outputSize, {
        name: "signs",
        reads: { mask },
        writes: { signs: { shape: [inputSize, outputSize] } },
        sizes: { columns: outputSize },
        body: `
let row = i / sizes.columns;
let word = mask[row / 32u * sizes.columns + i % sizes.columns];
signs[i] = select(-1.0, 1.0, ((word >> (row % 32u)) & 1) == 1);`,
      })),
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
