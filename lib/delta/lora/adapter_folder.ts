/**
 * A LoRA adapter as a folder that PEFT loads: `adapter_model.safetensors` and, last, `adapter_config.json`. Not here:
 * how its factors are found.
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
 * @throws {OutputError} if it cannot be written; a folder with its `adapter_config.json` is complete.
 */
export async function writeAdapter(
  directory: string,
  adapter: Adapter,
  shapeOf: (layer: string) => LinearShape,
): Promise<void> {
  const tensors = new Map<string, RawTensor>();
  for (const { name, rank, a, b } of adapter.layers) {
    const [outSize, inSize] = shapeOf(name);
    tensors.set(`${PREFIX}${name}.lora_A.weight`, float32Tensor(a, [rank, inSize]));
    tensors.set(`${PREFIX}${name}.lora_B.weight`, float32Tensor(b, [outSize, rank]));
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
}

/** What PEFT puts before the names of the model that it wraps. */
const PREFIX = "base_model.model.";

/** With α = r, B·A is added as it is. */
function adapterConfig({ layers, allLayers, whole, base }: Adapter): Record<string, unknown> {
  const rank = Math.max(1, ...layers.map(({ rank }) => rank));
  const others = layers.filter((layer) => layer.rank !== rank);
  const patterns = Object.fromEntries(others.map(({ name, rank }) => [patternOf(name), rank]));
  const modules = [...whole.keys()].map((name) => name.split(".").at(-2)!);
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    inference_mode: true,
    r: rank,
    lora_alpha: rank,
    rank_pattern: patterns,
    alpha_pattern: patterns,
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
