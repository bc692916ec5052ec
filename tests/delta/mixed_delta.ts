/**
 * A delta of mixed forms: one term and two, added to the base and in its place, one codec the library's and one
 * of the tests' own (`codecs/low_rank.ts`), which must be in the list while it is used.
 */

import { elementCount, float32Tensor, type RawTensor } from "../../lib/checkpoint/tensor.ts";
import {
  linearLayerNames,
  linearShape,
  tensorShape,
  wholeTensorNames,
} from "../../lib/checkpoint/weights.ts";
import type { CompressedLayer, LayerForm } from "../../lib/codecs/codec.ts";
import { type MemoryDelta, memoryDelta } from "../../lib/delta/delta.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { randomLayer } from "../codecs/random_layer.ts";
import { tinyConfig } from "../model/random_model.ts";

/** A decoder of four layers. */
export const config = { ...tinyConfig, layerCount: 4 };

const ofSigns = (scale: string) => ({ codec: "signs", form: { scale } });
const ofRank = (half: boolean) => ({ codec: "test low rank", form: { rank: 2, half } });

function formOf(name: string): Omit<LayerForm, "shape"> {
  const [, , index, , projection] = name.split(".");
  if (index === "1") return { role: "weight", terms: [ofSigns("row and column"), ofRank(false)] };
  if (index === "3" && projection === "o_proj") return { role: "delta", terms: [ofRank(true)] };
  return { role: "delta", terms: [ofSigns("scalar")] };
}

/** Layers 0 and 2 are stored alike; the two others in other ways. Each time the same numbers. */
export function mixedDelta(): MemoryDelta {
  const random = new SeededRandom(32);
  const layers = linearLayerNames(config).map((name): [string, CompressedLayer] => {
    const form = { shape: linearShape(config, name), ...formOf(name) };
    return [name, randomLayer(form, random, 0.2)];
  });
  const whole = wholeTensorNames(config).map((name): [string, RawTensor] => {
    const shape = tensorShape(config, name);
    return [
      name,
      float32Tensor(new Float32Array(elementCount(shape)).map(() => random.normal()), shape),
    ];
  });
  const metadata = { method: "m", settings: {}, baseHash: null, fineHash: null, version: 4 };
  return memoryDelta(new Map(layers), new Map(whole), metadata);
}
