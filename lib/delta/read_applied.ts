/**
 * A tensor of a base with a delta applied: as it is stored where the delta leaves it so, else formed of the base's
 * bytes and the layer's parts. Not here: whether delta and base belong together (`apply.ts`).
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { FormedTensor } from "../checkpoint/formed_tensor.ts";
import { type RoundedTensor, roundTensor } from "../checkpoint/rounded_tensor.ts";
import { float32Tensor, type FloatType, type RawTensor } from "../checkpoint/tensor.ts";
import {
  isTable,
  type LinearShape,
  storedTensor,
  tensorShape,
  type WeightSource,
} from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { appliedTensor } from "./applied_tensor.ts";
import type { Delta } from "./delta.ts";
import { roundLayer } from "./rounded_layer.ts";

/** What a tensor is formed of. */
interface LayerParts {
  readonly layer: CompressedLayer;
  /** The base's weights; `null` for a layer in their place. */
  readonly start: RawTensor | null;
}

/**
 * For an engine.
 *
 * @param config of both together, the fine-tune's.
 */
export async function readApplied(
  base: WeightSource,
  delta: Delta,
  config: DecoderConfig,
  tensor: string,
): Promise<RawTensor | FormedTensor> {
  const found = await readParts(base, delta, config, tensor);
  return "layer" in found ? appliedTensor(found.layer, found.start, tensor) : found;
}

/** For a file: rounded once, with what that leaves of a layer's delta; bytes of the type asked for as they are. */
export async function readRounded(
  base: WeightSource,
  delta: Delta,
  config: DecoderConfig,
  tensor: string,
  dtype: FloatType,
  signal?: AbortSignal,
): Promise<RoundedTensor> {
  const found = await readParts(base, delta, config, tensor);
  if ("layer" in found) {
    const { layer, start } = found;
    const rounded = await roundLayer(layer, start, tensor, dtype, signal);
    if (start) base.stored?.giveBack?.(start);
    return rounded;
  }
  if (found.dtype !== dtype) return await roundTensor(found, dtype, signal);
  return { bytes: found.bytes, unfit: null, kept: null, giveBack: () => {} };
}

async function readParts(
  base: WeightSource,
  delta: Delta,
  config: DecoderConfig,
  tensor: string,
): Promise<RawTensor | LayerParts> {
  const stored = storedTensor(config, tensor);
  if (delta.whole.has(stored)) return await delta.readWhole(stored);
  const name = isTable(stored) ? stored : withoutWeight(tensor);
  if (!delta.layers.has(name)) return await readBase(base, tensor);
  const layer = {
    ...await delta.readLayer(name),
    shape: tensorShape(config, stored) as LinearShape,
  };
  return { layer, start: layer.role === "delta" ? await readBase(base, stored) : null };
}

/** What a linear layer is called whose weights have this name. */
export function withoutWeight(tensor: string): string {
  return tensor.replace(/\.weight$/, "");
}

async function readBase(base: WeightSource, tensor: string): Promise<RawTensor> {
  if (base.stored) return await base.stored.read(tensor);
  return float32Tensor(await base.readFloat32(tensor), tensorShape(base.config, tensor));
}
