/**
 * Writes a made pair: two checkpoint folders of one configuration, weights and their fine-tune in one
 * pass, at the speed of the disk. Nothing is in its place before all is written.
 */

import { join } from "node:path";
import type { DecoderConfig } from "../../../checkpoint/config.ts";
import { configToJson } from "../../../checkpoint/config_to_json.ts";
import { formatHeader } from "../../../checkpoint/safetensors_header.ts";
import { byteCount, elementCount, type FloatType } from "../../../checkpoint/tensor.ts";
import { checkRoom } from "../../../util/check_output.ts";
import { OptionError } from "../../../util/errors.ts";
import { FileBeside, removeIfThere, writeAll } from "../../../util/files.ts";
import type { Watch } from "../../../util/progress.ts";
import { PART, RandomPair } from "./random_pair.ts";
import { planShards, type Shard } from "./shard_plan.ts";
import { tokenizerFor } from "./tokenizer.ts";

/** Entry `made_by` of the header of weights that were made here. */
export const SHAPES_MARK = "scripts/shapes.ts";

/** How a pair is made. */
export interface MakePairOptions extends Watch {
  /** Type of the weights. Default: BF16. */
  dtype?: FloatType;
  /** What every number depends on, with the name of its tensor and its place there. Default: 1. */
  seed?: number;
  /** Most bytes of tensors in a file, unless one tensor is larger. Default: 5 · 10⁹. */
  shardBytes?: number;
}

/** A pair that was made. */
export interface MadePair {
  /** Folder of the base. */
  readonly base: string;
  /** Folder of the fine-tune. */
  readonly fine: string;
  /** Bytes of the tensors of each. */
  readonly bytes: number;
  /** Files of weights of each. */
  readonly shards: number;
}

const TORCH_TYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/** Weights of any plan, and their index. */
const WEIGHTS = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

/**
 * Makes a pair of random weights, `folder/base` and `folder/fine`, in the place of any that is there.
 *
 * Weights of a matrix `[out, in]` are nearly normal with deviation 1.28 / √in, those of a norm lie about
 * 1; the fine-tune is the base before rounding plus a delta of 0.075 times the deviation and kurtosis 6.
 *
 * @throws {OptionError} if a seed or a size is no whole number of its range.
 * @throws {ConfigError} if the vocabulary is too small for a tokenizer.
 * @throws {OutputError} if a folder cannot be written, a full disk among the reasons.
 * @throws the signal's reason; no half-written file is left behind.
 *
 * @example
 * ```ts
 * import { Checkpoint, makePair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const folder = await Deno.makeTempDir();
 * const made = await makePair(folder, { ...model.config, layerCount: 1 }, { seed: 7 });
 * using base = await Checkpoint.open(made.base);
 * assert.equal(base.config.layerCount, 1);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function makePair(
  folder: string,
  config: DecoderConfig,
  options: MakePairOptions = {},
): Promise<MadePair> {
  const { dtype = "BF16", seed = 1, shardBytes = 5e9 } = options;
  checkWhole("seed", seed, 0);
  checkWhole("shardBytes", shardBytes, 1);
  const shards = planShards(config, dtype, shardBytes);
  const tensors = shards.flatMap((shard) => shard.tensors);
  const bytes = tensors.reduce((sum, tensor) => sum + byteCount(tensor), 0);
  const tokenizer = await tokenizerFor(config);
  await checkRoom(folder, 2 * bytes);
  const source = await RandomPair.open(dtype, seed);
  const folders = { base: join(folder, "base"), fine: join(folder, "fine") };
  // In the reverse order they are moved: a folder that has a configuration is complete.
  const texts = {
    "config.json": { ...configToJson(config), torch_dtype: TORCH_TYPES[dtype] },
    "tokenizer_config.json": tokenizer.tokenizerConfig,
    "tokenizer.json": tokenizer.tokenizer,
    ...shards.length > 1 ? { "model.safetensors.index.json": index(shards, bytes) } : {},
  };
  await using written = new AsyncDisposableStack();
  const files: FileBeside[] = [];
  const open = async (path: string) => {
    const file = written.use(await FileBeside.open(path));
    files.push(file);
    return file;
  };
  for (const [name, content] of Object.entries(texts)) {
    const bytes = new TextEncoder().encode(JSON.stringify(content, null, 1) + "\n");
    for (const path of Object.values(folders)) {
      await (await open(join(path, name))).write((file) => writeAll(file, bytes));
    }
  }
  const progress = { done: 0, total: tensors.length };
  for (const shard of shards) {
    const base = await open(join(folders.base, shard.name));
    const fine = await open(join(folders.fine, shard.name));
    await writeShard(shard, source, base, fine, progress, options);
  }
  await replace(files.reverse(), Object.values(folders));
  return { ...folders, bytes, shards: shards.length };
}

/** A part is made while the one before it is written. */
async function writeShard(
  { tensors }: Shard,
  source: RandomPair,
  base: FileBeside,
  fine: FileBeside,
  progress: { done: number; total: number },
  { onProgress, signal }: Watch,
): Promise<void> {
  const write = (baseBytes: Uint8Array, fineBytes: Uint8Array) =>
    Promise.all([
      base.write((file) => writeAll(file, baseBytes)),
      fine.write((file) => writeAll(file, fineBytes)),
    ]);
  const header = formatHeader(tensors, { format: "pt", made_by: SHAPES_MARK });
  let writing = write(header, header);
  try {
    for (const { name, shape } of tensors) {
      const count = elementCount(shape);
      for (let begin = 0; begin < count; begin += PART) {
        signal?.throwIfAborted();
        const part = source.part(name, shape, begin);
        await writing;
        writing = write(part.base, part.fine);
      }
      onProgress?.({ done: ++progress.done, total: progress.total, label: name });
    }
  } finally {
    // Before its file is closed, whatever ends the loop.
    await writing;
  }
}

/** Moves the files to their places, once the weights of an earlier pair are out of the way. */
async function replace(files: readonly FileBeside[], folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    await removeIfThere(join(folder, "config.json"));
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    for (const name of names.filter((name) => WEIGHTS.test(name))) {
      await removeIfThere(join(folder, name));
    }
  }
  const moved: string[] = [];
  try {
    for (const file of files) {
      await file.move();
      moved.push(file.path);
    }
  } catch (error) {
    for (const path of moved) await removeIfThere(path);
    throw error;
  }
}

function index(shards: readonly Shard[], bytes: number) {
  return {
    metadata: { total_size: bytes },
    weight_map: Object.fromEntries(
      shards.flatMap((shard) => shard.tensors.map((tensor) => [tensor.name, shard.name])),
    ),
  };
}

function checkWhole(option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  const expected = `a whole number from ${least} to 2⁵³ − 1`;
  throw new OptionError({ problem: "is out of its range", option, value, expected });
}
