/** A small delta of the study's one form. */

import { float32Tensor } from "../../lib/checkpoint/tensor.ts";
import type { CompressedLayer } from "../../lib/codecs/codec.ts";
import { signsTerm } from "../../lib/codecs/signs.ts";
import { type MemoryDelta, memoryDelta } from "../../lib/delta/delta.ts";

/** Two layers and a norm; each time the same numbers. */
export function scalarDelta(): MemoryDelta {
  const layers = ["up_proj", "gate_proj"].map((name, at): [string, CompressedLayer] => {
    const shape: [number, number] = [3, 64];
    const mask = Int32Array.from({ length: 6 }, (_, index) => 0x9e3779b9 * (index + at + 1));
    return [
      `model.layers.0.mlp.${name}`,
      { shape, role: "delta", terms: [signsTerm(mask, shape, { coeff: 0.25 + at })] },
    ];
  });
  const whole = new Map([["model.norm.weight", float32Tensor(Float32Array.of(1, 2), [2])]]);
  const metadata = { method: "m", settings: {}, baseHash: null, fineHash: null, version: null };
  return memoryDelta(new Map(layers), whole, metadata);
}
