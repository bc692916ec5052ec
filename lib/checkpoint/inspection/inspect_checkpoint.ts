/**
 * What a checkpoint's folder holds, from headers alone: also one that cannot be opened, and why. Not here: how
 * that is shown (`tables/inspection_tables.ts`).
 */

import { basename, join } from "node:path";
import { ConfigError, HubError, InputError } from "../../util/errors.ts";
import { readJsonFile } from "../../util/json_file.ts";
import type { Watch } from "../../util/progress.ts";
import { carriedFiles } from "../carried_files.ts";
import { Checkpoint } from "../checkpoint.ts";
import { checkFolder, modelName, readConfig } from "../checkpoint_folder.ts";
import { checkWeights } from "../check_weights.ts";
import { fetchCheckpoint, fetchSettings } from "../hub/fetch_checkpoint.ts";
import { formatHubName, isHubName } from "../hub/hub_name.ts";
import { RemoteHeader, remoteWeights } from "./remote_weights.ts";
import { CONFIG_FILE, type DecoderConfig } from "../config.ts";
import { openShards, type OpenWeights } from "../shards.ts";
import { byteCount, elementCount } from "../tensor.ts";
import { tensorNames } from "../weights.ts";
import { type AnyTensorInfo, countTensors, type TensorCount } from "./tensor_counts.ts";

/** A tensor by its name. */
export interface NamedTensor extends AnyTensorInfo {
  /** In the file. */
  readonly name: string;
}

/** A file of weights. */
export interface WeightFile {
  /** In the folder. */
  readonly name: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** How many it holds. */
  readonly tensors: number;
}

/** What a checkpoint is. */
export interface CheckpointInspection {
  /** Which of the forms of an inspection this is. */
  readonly kind: "checkpoint";
  /** Its folder, or its name on the Hub at a commit. */
  readonly path: string;
  /** As its model is called. */
  readonly name: string;
  /** Why it cannot be used; `null` if it can. */
  readonly refusal: string | null;
  /** The model's class in transformers, also of one that is not supported; `null` where none is named. */
  readonly architecture: string | null;
  /** Its sizes and settings; `null` if it cannot be used. */
  readonly config: DecoderConfig | null;
  /** Numbers of all tensors that the model uses; of one that cannot be used, of all tensors. */
  readonly parameters: number;
  /** Bytes of the files of weights. */
  readonly bytes: number;
  /** The files of weights. */
  readonly files: readonly WeightFile[];
  /** Tensors by projection or kind, those that the model does not use left out. */
  readonly tensors: readonly TensorCount[];
  /** Tensors that the model does not use. */
  readonly extra: readonly NamedTensor[];
  /** Files of the tokenizer, of generation and of chat templates. */
  readonly carried: readonly string[];
  /** {@linkcode Checkpoint.hash}, for which every byte is read; `null` if that was not asked for. */
  readonly hash: string | null;
}

/**
 * Looks at a checkpoint: a folder, or a model of the Hub by its name, of whose safetensors files the headers
 * alone are fetched unless every byte is read.
 *
 * @param verify whether every byte is read, for the hash and for numbers that are not finite.
 * @throws {HubError} {OptionError} if a name is malformed, or what it names cannot be had.
 * @throws {CheckpointError} if there is no such folder, or, where every byte is read, a weight is not finite.
 *
 * @example
 * ```ts
 * import { inspectCheckpoint, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const folder = projectPath("data/checkpoints/llama-base");
 * const { architecture, refusal } = await inspectCheckpoint(folder);
 * assert.deepEqual([architecture, refusal], ["LlamaForCausalLM", null]);
 * ```
 */
export async function inspectCheckpoint(
  path: string,
  { verify = false, ...watch }: Watch & { readonly verify?: boolean } = {},
): Promise<CheckpointInspection> {
  if (!isHubName(path)) return await look(path, path, () => openShards(path), verify, watch);
  const settings = await fetchSettings(path, watch);
  const { revision, prefix, folder } = settings;
  const shown = formatHubName({
    repository: revision.repository,
    revision: revision.commit,
    path: prefix.slice(0, -1),
  });
  const open = async () => {
    const headers = verify ? null : await remoteWeights(settings, watch);
    if (headers !== null) return headers;
    await fetchCheckpoint(path, watch, readConfig);
    return await openShards(folder);
  };
  return await look(folder, shown, open, verify, watch);
}

async function look(
  folder: string,
  path: string,
  open: () => Promise<OpenWeights>,
  verify: boolean,
  watch: Watch,
): Promise<CheckpointInspection> {
  await checkFolder(folder);
  const read = await unlessRefused(() => readConfig(folder));
  const config = read.value;
  const opened = await unlessRefused(open);
  const weights = opened.value;
  const checked = await unlessRefused(async () => {
    if (config && weights) await checkWeights(config, weights, path);
  });
  const refusal = read.refusal ?? opened.refusal ?? checked.refusal;
  const infos = weights === null ? new Map<string, AnyTensorInfo>() : infosOf(weights);
  const used = refusal === null ? new Set(tensorNames(config!)) : null;
  const isUsed = (tensor: string) => used === null || used.has(tensor);
  const tensors = [...infos].filter(([tensor]) => isUsed(tensor));
  const files = await Promise.all((weights?.files ?? []).map(async (file) => {
    file.close();
    return {
      name: basename(file.path),
      bytes: file instanceof RemoteHeader ? file.size : (await Deno.stat(file.path)).size,
      tensors: file.tensors.size + file.unreadable.size,
    };
  }));
  return {
    kind: "checkpoint",
    path,
    name: modelName(folder),
    refusal,
    architecture: config?.architecture ?? await namedArchitecture(folder),
    config: refusal === null ? config : null,
    parameters: tensors.reduce((sum, [, { shape }]) => sum + elementCount(shape), 0),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    files,
    tensors: countTensors(tensors),
    extra: [...infos].filter(([tensor]) => !isUsed(tensor))
      .map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    carried: (await unlessRefused(() => carriedNames(folder))).value ?? [],
    hash: verify && refusal === null ? await hashOf(folder, watch) : null,
  };
}

async function unlessRefused<T>(
  action: () => Promise<T>,
): Promise<{ value: T | null; refusal: string | null }> {
  try {
    return { value: await action(), refusal: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // What cannot be had is no fault of the model's.
    if (error instanceof HubError) throw error;
    return { value: null, refusal: error.message };
  }
}

function infosOf({ fileOf, unnamed }: OpenWeights): Map<string, AnyTensorInfo> {
  return new Map([...fileOf, ...unnamed].map(([name, file]) => {
    const { dtype, shape } = file.tensors.get(name) ?? file.unreadable.get(name)!;
    return [name, { dtype, shape }];
  }));
}

/** What `config.json` calls the model, whatever else it says. */
async function namedArchitecture(folder: string): Promise<string | null> {
  const path = join(folder, "config.json");
  const { value } = await unlessRefused(() => readJsonFile(path, ConfigError, CONFIG_FILE));
  const { architectures, model_type: type } = (value?.json ?? {}) as Record<string, unknown>;
  const named = Array.isArray(architectures) ? architectures[0] : type;
  return typeof named === "string" ? named : null;
}

async function carriedNames(folder: string): Promise<string[]> {
  return [...(await carriedFiles({ from: folder })).keys()].sort();
}

/** The hash, every tensor read once and found finite. */
async function hashOf(folder: string, { onProgress, signal }: Watch): Promise<string> {
  using checkpoint = await Checkpoint.open(folder);
  const names = tensorNames(checkpoint.config);
  const sizes = names.map((name) => byteCount(checkpoint.info(name)));
  const total = sizes.reduce((sum, each) => sum + each, 0);
  let moved = 0;
  for (const [index, name] of names.entries()) {
    signal?.throwIfAborted();
    checkpoint.stored.giveBack?.(await checkpoint.readDigested(name));
    moved += sizes[index];
    const bytes = { done: moved, total };
    onProgress?.({ done: index + 1, total: names.length, label: `reading ${name}`, bytes });
  }
  return await checkpoint.hash();
}
