/** Which file of a checkpoint each of its tensors goes into, by the rule that transformers has. */

import type { FloatType } from "../../../checkpoint/tensor.ts";
import { byteCount } from "../../../checkpoint/tensor.ts";
import type { DecoderConfig } from "../../../checkpoint/config.ts";
import type { NamedTensorInfo } from "../../../checkpoint/safetensors.ts";
import { EMBEDDING, tensorNames, tensorShape } from "../../../checkpoint/weights.ts";

/** A file of weights. */
export interface Shard {
  /** `model.safetensors`, or `model-00001-of-00003.safetensors` … */
  readonly name: string;
  /** Sorted by name, as they lie in the file. */
  readonly tensors: readonly NamedTensorInfo[];
}

/**
 * The files of a checkpoint: its tensors in the order of the forward pass, a new file where the next
 * would make one larger than `shardBytes`.
 */
export function planShards(config: DecoderConfig, dtype: FloatType, shardBytes: number): Shard[] {
  const shards: NamedTensorInfo[][] = [];
  let room = 0;
  for (const name of tensorNames(config).sort((a, b) => stage(a, config) - stage(b, config))) {
    const tensor = { name, dtype, shape: tensorShape(config, name) };
    const bytes = byteCount(tensor);
    if (shards.length === 0 || bytes > room) {
      shards.push([]);
      room = shardBytes;
    }
    shards.at(-1)!.push(tensor);
    room -= bytes;
  }
  const digits = (number: number) => `${number}`.padStart(5, "0");
  return shards.map((tensors, index) => ({
    name: shards.length === 1
      ? "model.safetensors"
      : `model-${digits(index + 1)}-of-${digits(shards.length)}.safetensors`,
    tensors: tensors.sort((a, b) => a.name < b.name ? -1 : 1),
  }));
}

/** The embedding, the decoder layers, then the last norm and the head. */
function stage(tensor: string, { layerCount }: DecoderConfig): number {
  if (tensor === EMBEDDING) return -1;
  return Number(/^model\.layers\.(\d+)\./.exec(tensor)?.[1] ?? layerCount);
}
