/**
 * A LoRA adapter as a folder that PEFT loads: `adapter_model.safetensors` and, last, `adapter_config.json`. Not here:
 * how its factors are found.
 *
 * All layers have the highest of their ranks, the factors of the others zeros beyond their own, and α is that rank:
 * by α and rank PEFT scales with what it has for each layer (`rank_pattern`, `alpha_pattern`), llama.cpp with one α
 * and the rank of each layer's factors, vLLM long with one of both. Of one rank, B·A is added as it is by all three.
 *
 * Names and fields: https://huggingface.co/docs/peft/developer_guides/checkpoint
 */

import { join } from "node:path";
import { float32Tensor, type RawTensor } from "../../checkpoint/tensor.ts";
import { streamSafetensors } from "../../checkpoint/safetensors.ts";
import type { LinearShape } from "../../checkpoint/weights.ts";
import { removeIfThere, writeFileAtomic } from "../../util/files.ts";
import type { LoraLayer } from "./factor_layer.ts";

/** The weights of an adapter. */
export const ADAPTER_WEIGHTS = "adapter_model.safetensors";

/** What says what they are. */
export const ADAPTER_CONFIG = "adapter_config.json";

/** Entry of the header of weights that this library wrote. */
export const LORA_MARK = "one_bit_delta";

/** An adapter. */
export interface Adapter {
  /** Layers that changed, in the order of the forward pass. */
  readonly layers: readonly LoraLayer[];
  /** Every linear layer of the model. */
  readonly allLayers: readonly string[];
  /** Embedding and head, by their names in the checkpoint, where they changed. */
  readonly whole: ReadonlyMap<string, RawTensor>;
  /** What PEFT loads the base by: a repository of the Hub, or a folder. */
  readonly base: string;
}

/**
 * Writes an adapter's folder.
 *
 * @returns bytes of all weights.
 * @throws {OutputError} if it cannot be written; a folder with its `adapter_config.json` is complete.
 */
export async function writeAdapter(
  directory: string,
  adapter: Adapter,
  shapeOf: (layer: string) => LinearShape,
): Promise<number> {
  const tensors = new Map<string, RawTensor>();
  const most = highestRank(adapter);
  for (const { name, rank, a, b } of adapter.layers) {
    const [outSize, inSize] = shapeOf(name);
    const rowsOfA = padRows(a, 1, rank * inSize, most * inSize);
    const rowsOfB = padRows(b, outSize, rank, most);
    tensors.set(`${PREFIX}${name}.lora_A.weight`, float32Tensor(rowsOfA, [most, inSize]));
    tensors.set(`${PREFIX}${name}.lora_B.weight`, float32Tensor(rowsOfB, [outSize, most]));
  }
  for (const [name, tensor] of adapter.whole) tensors.set(`${PREFIX}${name}`, tensor);
  const infos = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const config = join(directory, ADAPTER_CONFIG);
  await streamSafetensors(
    join(directory, ADAPTER_WEIGHTS),
    infos,
    (name) => Promise.resolve(tensors.get(name)!.bytes),
    { format: "pt", [LORA_MARK]: "lora" },
    () => removeIfThere(config),
  );
  await writeFileAtomic(config, JSON.stringify(adapterConfig(adapter), null, 2) + "\n");
  return tensors.values().reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function highestRank({ layers }: Adapter): number {
  return Math.max(...layers.map(({ rank }) => rank));
}

/** Rows with zeros after what each has. */
function padRows(values: Float32Array, rows: number, from: number, to: number): Float32Array {
  if (from === to) return values;
  const padded = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) {
    padded.set(values.subarray(row * from, (row + 1) * from), row * to);
  }
  return padded;
}

/** What PEFT puts before the names of the model that it wraps. */
const PREFIX = "base_model.model.";

function adapterConfig(adapter: Adapter): Record<string, unknown> {
  const { layers, allLayers, whole, base } = adapter;
  const rank = highestRank(adapter);
  const modules = [...whole.keys()].map((name) => name.split(".").at(-2)!);
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    inference_mode: true,
    r: rank,
    lora_alpha: rank,
    target_modules: targets(layers, allLayers),
    modules_to_save: modules.length > 0 ? modules : null,
    lora_dropout: 0,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    use_rslora: false,
    use_dora: false,
  };
}

/** Short names of projections where all of their layers changed; else each layer that did. */
function targets(layers: readonly LoraLayer[], allLayers: readonly string[]): string[] {
  const projection = (name: string) => name.split(".").at(-1)!;
  const count = (names: readonly string[], of: string) =>
    names.filter((name) => projection(name) === of).length;
  const changed = layers.map(({ name }) => name);
  const projections = [...new Set(changed.map(projection))];
  const isAll = projections.every((of) => count(changed, of) === count(allLayers, of));
  return isAll ? projections : changed.map(patternOf);
}

/** A layer as PEFT's versions agree to find it: by the end of its name. */
function patternOf(layer: string): string {
  return layer.replace(/^model\./, "");
}
