/** Deltas of every kind, drawn at random. */

import fc from "fast-check";
import { float32Tensor, int32Tensor, type RawTensor } from "../../lib/checkpoint/tensor.ts";
import type { CompressedLayer, Parts, Term } from "../../lib/codecs/codec.ts";
import { type MemoryDelta, memoryDelta } from "../../lib/delta/delta.ts";

const finite = { noNaN: true, noDefaultInfinity: true };

function floats(count: number, shape: readonly number[]): fc.Arbitrary<RawTensor> {
  return fc.float32Array({ minLength: count, maxLength: count, ...finite })
    .map((values) => float32Tensor(values, shape));
}

/** Packed signs with scales of one form, as the README describes the file. */
function term(outSize: number, inSize: number, scale: string): fc.Arbitrary<Term> {
  const words = Math.ceil(inSize / 32);
  const parts: Record<string, fc.Arbitrary<RawTensor>> = {
    mask: fc.int32Array({ minLength: outSize * words, maxLength: outSize * words })
      .map((mask) => int32Tensor(mask, [words, outSize])),
  };
  if (scale === "scalar") parts.coeff = floats(1, []);
  if (scale.includes("row")) parts.row = floats(outSize, [outSize]);
  if (scale.includes("column")) parts.column = floats(inSize, [inSize]);
  return fc.record(parts, { noNullPrototype: true })
    .map((parts: Parts) => ({ codec: "signs", form: { scale }, parts }));
}

const scales = fc.constantFrom("scalar", "row", "column", "row and column");
const layers: fc.Arbitrary<CompressedLayer> = fc.record({
  outSize: fc.integer({ min: 1, max: 9 }),
  inSize: fc.integer({ min: 1, max: 99 }),
  role: fc.constantFrom<"delta" | "weight">("delta", "weight"),
  scales: fc.array(scales, { minLength: 1, maxLength: 3 }),
}).chain(({ outSize, inSize, role, scales }) =>
  fc.tuple(...scales.map((scale) => term(outSize, inSize, scale)))
    .map((terms) => ({ shape: [outSize, inSize], role, terms }))
);
const names = ["self_attn.q_proj", "self_attn.k_proj", "mlp.gate_proj", "mlp.down_proj"];

/** Some layers, some whole tensors, any metadata. */
export const deltas: fc.Arbitrary<MemoryDelta> = fc.record({
  layers: fc.array(layers, { minLength: 1, maxLength: 4 }).map((layers) =>
    new Map(layers.map((layer, i) => [`model.layers.${10 * i}.${names[i]}`, layer]))
  ),
  whole: fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 3 }).map((tensors) =>
    new Map(tensors.map((bytes, i): [string, RawTensor] => [
      `model.norm${i}.weight`,
      { dtype: "U8", shape: [bytes.length], bytes },
    ]))
  ),
  metadata: fc.record({
    method: fc.string(),
    settings: fc.dictionary(
      fc.stringMatching(/^[a-z]{1,6}_$/),
      fc.oneof(fc.string(), fc.integer(), fc.double(finite), fc.boolean()),
      { noNullPrototype: true },
    ).filter((settings) => !Object.values(settings).some((value) => Object.is(value, -0))),
    baseHash: fc.option(fc.string()),
    fineHash: fc.option(fc.string()),
    version: fc.constant(4),
  }, { noNullPrototype: true }),
}).map(({ layers, whole, metadata }) => memoryDelta(layers, whole, metadata));
