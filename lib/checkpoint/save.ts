/**
 * Writes weights as a plain Hugging Face folder that any tool can load.
 *
 * One `model.safetensors`, `config.json`, and the tokenizer's files if a folder to copy them from is
 * named. Not here: the card that says what the weights are.
 */

import { join } from "node:path";
import { TokenizerError } from "../errors.ts";
import { writeFileAtomic } from "../files.ts";
import type { Watch } from "../progress.ts";
import { configToJson } from "./config.ts";
import { streamSafetensors } from "./safetensors.ts";
import { type FloatType, fromFloat32 } from "./tensor.ts";
import { tensorNames, tensorShape, type WeightSource } from "./weights.ts";

/** How to save a checkpoint. */
export interface SaveOptions extends Watch {
  /** Type to round the weights to. */
  dtype: FloatType;
  /** Folder whose tokenizer goes along. */
  tokenizerFrom?: string;
  /** Text for the header of the weight file. */
  metadata?: Readonly<Record<string, string>>;
}

const TORCH_TYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;
const TOKENIZER_FILES = [
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "tokenizer.model",
];

/**
 * Saves every tensor of `source` to a folder, one in memory at a time. `config.json` comes last: a
 * folder that has one is complete.
 *
 * @throws {OutputError} if the folder cannot be written.
 * @throws {TokenizerError} if `tokenizerFrom` has no `tokenizer.json`.
 * @throws what `source` throws on reading; no half-written file is left behind.
 */
export async function saveCheckpoint(
  directory: string,
  source: WeightSource,
  { dtype, tokenizerFrom, metadata, onProgress, signal }: SaveOptions,
): Promise<void> {
  const { config } = source;
  const tokenizerFiles = tokenizerFrom ? await readTokenizerFiles(tokenizerFrom) : new Map();
  const names = tensorNames(config);
  let done = 0;
  const bytesOf = async (tensor: string) => {
    signal?.throwIfAborted();
    const bytes = fromFloat32(await source.readFloat32(tensor), dtype);
    onProgress?.({ done: ++done, total: names.length, label: tensor });
    return bytes;
  };
  const tensors = names.map((name) => ({ name, dtype, shape: tensorShape(config, name) }));
  await streamSafetensors(join(directory, "model.safetensors"), tensors, bytesOf, {
    format: "pt",
    ...metadata,
  });
  for (const [name, bytes] of tokenizerFiles) await writeFileAtomic(join(directory, name), bytes);
  const json = { ...configToJson(config), torch_dtype: TORCH_TYPES[dtype] };
  await writeFileAtomic(join(directory, "config.json"), JSON.stringify(json, null, 2) + "\n");
}

async function readTokenizerFiles(directory: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const path = join(directory, "tokenizer.json");
  try {
    files.set("tokenizer.json", await Deno.readFile(path));
  } catch (cause) {
    throw new TokenizerError({
      problem: "cannot be read",
      file: path,
      value: (cause as Error).message,
      expected: "a tokenizer to save along with the weights",
      cause,
    });
  }
  for (const name of TOKENIZER_FILES) {
    try {
      files.set(name, await Deno.readFile(join(directory, name)));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return files;
}
