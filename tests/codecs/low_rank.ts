/**
 * A codec of the tests' own: M = L · R of a low rank, in float32 or bfloat16. What the library knows of it, it
 * knows by the list of codecs.
 */

import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { Codec } from "../../lib/codecs/codec.ts";
import { codecs } from "../../lib/codecs/mod.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";

/** Its form: `{ rank, half }`. */
const lowRank: Codec = {
  name: "test low rank",
  module: import.meta.url,
  trainable: ["left", "right"],
  layout([outSize, inSize], { rank, half }) {
    const dtype = half ? "BF16" : "F32";
    return {
      left: { dtype, shape: [outSize, Number(rank)] },
      right: { dtype, shape: [Number(rank), inSize] },
    };
  },
  product: (x, part) =>
    matmul(matmul(x, part("right"), { transposeSecond: true }), part("left"), {
      transposeSecond: true,
    }),
  decode(parts, [outSize, inSize], { rank }) {
    const [left, right] = [toFloat32(parts.left), toFloat32(parts.right)];
    const inner = Number(rank);
    return Float32Array.from({ length: outSize * inSize }, (_, at) => {
      const [row, column] = [Math.floor(at / inSize), at % inSize];
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += left[row * inner + k] * right[k * inSize + column];
      return sum;
    });
  },
};

/** Adds the codec to the list until the end of its scope. */
export function withLowRank(): Disposable {
  codecs.push(lowRank);
  return { [Symbol.dispose]: () => void codecs.splice(codecs.indexOf(lowRank), 1) };
}
