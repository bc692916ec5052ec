/**
 * Which tensor goes into which file of a checkpoint, as transformers and huggingface_hub split one, and the
 * index that says so. Not here: reading shards (`shards.ts`), and writing them (`save.ts`).
 *
 * Source of the rule: `split_torch_state_dict_into_shards`,
 * https://huggingface.co/docs/huggingface_hub/package_reference/serialization
 */

import type { NamedTensorInfo } from "./safetensors.ts";
import { INDEX, WHOLE } from "./weight_format.ts";
import { byteCount } from "./tensor.ts";
import { EMBEDDING, HEAD, PROJECTIONS } from "./weights.ts";

/** Bytes of tensors in a file at most, as transformers had it before version 5: what any file system takes. */
export const SHARD_BYTES = 5_000_000_000;

/** A weight file to be written. */
export interface Shard {
  /** Its name in the folder. */
  readonly name: string;
  /** In the order that they were given in. */
  readonly tensors: readonly NamedTensorInfo[];
}

/**
 * Splits tensors over files, in their order: a file is full where the next tensor would make it more than
 * `mostBytes`; a tensor that is larger has a file of its own.
 *
 * @returns `model.safetensors` alone, or `model-00001-of-0000n.safetensors` …
 */
export function planShards(tensors: readonly NamedTensorInfo[], mostBytes: number): Shard[] {
  const files: NamedTensorInfo[][] = [];
  let current: NamedTensorInfo[] = [];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = byteCount(tensor);
    if (current.length > 0 && bytes + size > mostBytes) {
      files.push(current);
      [current, bytes] = [[], 0];
    }
    current.push(tensor);
    bytes += size;
  }
  if (current.length > 0 || files.length === 0) files.push(current);
  if (files.length === 1) return [{ name: WHOLE, tensors: files[0] }];
  const digits = (number: number) => String(number).padStart(5, "0");
  return files.map((tensors, index) => ({
    name: `model-${digits(index + 1)}-of-${digits(files.length)}.safetensors`,
    tensors,
  }));
}

/** Modules of a decoder layer in the order that transformers makes them in. */
const MODULES = [
  ...PROJECTIONS.slice(0, 4),
  ...["self_attn.q_norm", "self_attn.k_norm"],
  ...PROJECTIONS.slice(4),
  ...["input_layernorm", "post_attention_layernorm"],
];

/**
 * Names of a decoder's tensors in the order of transformers' state dicts, which is that of shards: the embedding,
 * layer by layer each module's weight and bias, the last norm and the head.
 */
export function inStateDictOrder(names: readonly string[]): string[] {
  const place = (name: string): number[] => {
    const [, index, module, kind] = /^model\.layers\.(\d+)\.(.*)\.(\w+)$/.exec(name) ?? [];
    if (module === undefined) return [name === EMBEDDING ? -1 : Infinity, name === HEAD ? 1 : 0, 0];
    return [Number(index), MODULES.indexOf(module), kind === "weight" ? 0 : 1];
  };
  const places = new Map(names.map((name) => [name, place(name)]));
  return [...names].sort((a, b) => {
    const [first, second] = [places.get(a)!, places.get(b)!];
    const at = first.findIndex((each, level) => each !== second[level]);
    return at < 0 ? 0 : first[at] < second[at] ? -1 : 1;
  });
}

/** Whether a file of a folder is named as weights are that {@linkcode planShards} splits. */
export function isWeightFile(name: string): boolean {
  return name === WHOLE || name === INDEX || /^model-\d{5}-of-\d{5}\.safetensors$/.test(name);
}

/** The text of `model.safetensors.index.json`. */
export function indexOf(shards: readonly Shard[]): string {
  const tensors = shards.flatMap(({ name, tensors }) =>
    tensors.map((tensor) => ({ file: name, tensor }))
  ).sort((a, b) => a.tensor.name < b.tensor.name ? -1 : 1);
  const index = {
    metadata: { total_size: tensors.reduce((sum, { tensor }) => sum + byteCount(tensor), 0) },
    weight_map: Object.fromEntries(tensors.map(({ file, tensor }) => [tensor.name, file])),
  };
  return JSON.stringify(index, null, 2) + "\n";
}
