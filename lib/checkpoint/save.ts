/**
 * Writes weights as a plain Hugging Face folder that any tool can load.
 *
 * One `model.safetensors`, `config.json`, and what goes along from the folder of a checkpoint
 * (`carried_files.ts`). Not here: the card that says what the weights are.
 */

import { join } from "node:path";
import { CheckpointError, DivergenceError, TokenizerError } from "../util/errors.ts";
import { removeIfThere, writeFileAtomic } from "../util/files.ts";
import { readFileIfThere } from "../util/read_file.ts";
import type { Watch } from "../util/progress.ts";
import {
  CARRIED_FILE,
  carriedConfig,
  carriedFiles,
  type CarriedFrom,
  checkNothingElse,
} from "./carried_files.ts";
import { configToJson, type DecoderConfig, parseConfig } from "./config.ts";
import { differingSetting } from "./pair.ts";
import { streamSafetensors } from "./safetensors.ts";
import { firstNotFinite } from "./not_finite.ts";
import { type FloatType, fromFloat32, toFloat32 } from "./tensor.ts";
import { tensorNames, tensorShape, type WeightSource } from "./weights.ts";

/** How to save a checkpoint. */
export interface SaveOptions extends Watch, CarriedFrom {
  /** Type to round the weights to. */
  dtype: FloatType;
  /** Text for the header of the weight file. */
  metadata?: Readonly<Record<string, string>>;
}

const TORCH_TYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/**
 * Saves every tensor of `source` to a folder, one in memory at a time. `config.json` comes last: a
 * folder that has one is complete. It is that of `from`, where given, with `dtype` in it; else it says
 * what `source` computes and no more.
 *
 * @throws {OutputError} if the folder cannot be written, or holds what goes along with other weights.
 * @throws {DivergenceError} if a weight is not finite, or not once it is rounded.
 * @throws {CheckpointError} if `from` is another model than `source`.
 * @throws {ConfigError} {TokenizerError} if what is to go along cannot be read, or `tokenizerFrom` has
 * no `tokenizer.json`.
 * @throws what `source` throws on reading; no half-written file is left behind.
 *
 * @example
 * ```ts
 * import { Checkpoint, projectPath, saveCheckpoint, weightBytes } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const folder = await Deno.makeTempDir();
 * await saveCheckpoint(folder, model, { dtype: "F32", from: model.directory });
 * using saved = await Checkpoint.open(folder);
 * assert.equal(weightBytes(saved), 2 * weightBytes(model));
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function saveCheckpoint(
  directory: string,
  source: WeightSource,
  options: SaveOptions,
): Promise<void> {
  const { dtype, metadata, onProgress, signal } = options;
  const { config } = source;
  const { configText, files } = await checkSave(directory, config, options);
  // Before the weights: what cannot be read must not leave them without it.
  const carried = new Map<string, Uint8Array>();
  for (const [name, path] of files) {
    const bytes = await readFileIfThere(path, TokenizerError, CARRIED_FILE);
    if (bytes) carried.set(name, bytes);
  }
  const names = tensorNames(config);
  let done = 0;
  const bytesOf = async (tensor: string) => {
    signal?.throwIfAborted();
    const values = await source.readFloat32(tensor);
    const bytes = fromFloat32(values, dtype);
    const index = firstNotFinite(toFloat32({ dtype, shape: [values.length], bytes }));
    if (index >= 0) {
      throw new DivergenceError({
        problem: `element ${index} of '${source.name}' is not finite as ${dtype}`,
        tensor,
        value: values[index],
        expected: `a finite number within ${dtype}`,
      });
    }
    onProgress?.({ done: ++done, total: names.length, label: tensor });
    return bytes;
  };
  const tensors = names.map((name) => ({ name, dtype, shape: tensorShape(config, name) }));
  const configPath = join(directory, "config.json");
  await streamSafetensors(
    join(directory, "model.safetensors"),
    tensors,
    bytesOf,
    { format: "pt", ...metadata },
    // Else a run that is killed now leaves new weights beside the settings of those they replace.
    () => removeIfThere(configPath),
  );
  for (const [name, bytes] of carried) await writeFileAtomic(join(directory, name), bytes);
  await writeFileAtomic(configPath, configText);
}

/**
 * Checks what `saveCheckpoint` would, before there are weights to save. Writes nothing.
 *
 * @returns the `config.json` to write, and where the files lie that go along, by name.
 * @throws as {@linkcode saveCheckpoint}.
 *
 * @example
 * ```ts
 * import { Checkpoint, checkSave, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const options = { dtype: "F32", from: model.directory } as const;
 * const { files } = await checkSave("results/saved", model.config, options);
 * assert.ok(files.size > 0);
 * ```
 */
export async function checkSave(
  directory: string,
  config: DecoderConfig,
  { dtype, from, tokenizerFrom }: SaveOptions,
): Promise<{ configText: string; files: ReadonlyMap<string, string> }> {
  const files = await carriedFiles({ from, tokenizerFrom });
  await checkNothingElse(directory, files.keys());
  const torchType = TORCH_TYPES[dtype];
  if (from === undefined) {
    const json = { ...configToJson(config), torch_dtype: torchType };
    return { configText: JSON.stringify(json, null, 2) + "\n", files };
  }
  const configText = await carriedConfig(from, torchType);
  const path = join(from, "config.json");
  const difference = differingSetting(parseConfig(JSON.parse(configText), path), config);
  if (!difference) return { configText, files };
  throw new CheckpointError({
    problem: "is of another model than the weights to be saved",
    file: path,
    ...difference,
  });
}
