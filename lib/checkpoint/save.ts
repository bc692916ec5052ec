/**
 * Writes weights as a plain Hugging Face folder that any tool can load.
 *
 * `model.safetensors`, or shards and their index as transformers has them, `config.json`, and what goes along
 * from the folder of a checkpoint (`carried_files.ts`). Not here: how files are written (`weight_files.ts`), and
 * the card that says what the weights are.
 */

import { join } from "node:path";
import { CheckpointError, DivergenceError, TokenizerError } from "../util/errors.ts";
import { FileBeside, removeIfThere, writeAll } from "../util/files.ts";
import { readFileIfThere } from "../util/read_file.ts";
import type { Watch } from "../util/progress.ts";
import { isTaken } from "../util/regular_file.ts";
import {
  CARRIED_FILE,
  carriedConfig,
  carriedFiles,
  type CarriedFrom,
  checkNothingElse,
  GENERATION,
} from "./carried_files.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type DecoderConfig, parseConfig } from "./config.ts";
import { configChanges, differingSetting } from "./config_changes.ts";
import { configToJson } from "./config_to_json.ts";
import type { Kept } from "./rounded_blocks.ts";
import { type RoundedTensor, roundTensor } from "./rounded_tensor.ts";
import type { NamedTensorInfo } from "./safetensors.ts";
import { indexOf, inStateDictOrder, planShards, type Shard, SHARD_BYTES } from "./shard_plan.ts";
import { withEndTokens } from "./end_tokens.ts";
import { INDEX } from "./weight_format.ts";
import { byteCount, float32Tensor, type FloatType } from "./tensor.ts";
import { removeFiles, staleWeights, writeWeightFiles } from "./weight_files.ts";
import { tensorNames, tensorShape, type WeightSource } from "./weights.ts";

/** How to save a checkpoint. */
export interface SaveOptions extends Watch, CarriedFrom {
  /** Type to round the weights to. */
  dtype: FloatType;
  /** Bytes of the tensors in one file at most; default: {@linkcode SHARD_BYTES}, 5 GB. */
  shardBytes?: number;
  /**
   * Text for the headers of the weight files. Weights in the folder whose headers have all of these entries count
   * as those of an earlier save, and make way.
   */
  metadata?: Readonly<Record<string, string>>;
  /**
   * Whether `from` may be the base of what is saved: where its settings are another model's, `config.json` says what
   * the weights compute and no more, and settings of generation that name other tokens do not go along. Default:
   * they must be the weights' own.
   */
  fromBase?: boolean;
  /** Text of the folder's `README.md`, when all weights are written; absent: what is there stays. */
  card?: (saved: SavedCheckpoint) => string;
}

/**
 * How a model is saved with all but its weights from a checkpoint, and the tokenizer of another where that has none.
 *
 * @param from its own folder, or its fine-tune's.
 * @param lender its base.
 * @param dtype 32 bits lose nothing: a scale is often smaller than the distance between two bfloat16 weights.
 *
 * @example
 * ```ts
 * import { Checkpoint, projectPath, saveOptions } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-code"));
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * assert.equal((await saveOptions(fine, base, "BF16")).from, fine.directory);
 * ```
 */
export async function saveOptions(
  from: Checkpoint,
  lender: Checkpoint,
  dtype: FloatType,
): Promise<SaveOptions> {
  const { definition } = await lender.tokenizerPlace();
  const tokenizerFrom = await isTaken(definition) ? lender.directory : undefined;
  return { dtype, from: from.directory, tokenizerFrom };
}

/** What was saved. */
export interface SavedCheckpoint {
  /** The weight files, in order. */
  readonly files: readonly string[];
  /** Of all tensors. */
  readonly bytes: number;
  /** What rounding left of each layer's delta, by the layer's tensor; none for weights that are no base with a delta. */
  readonly kept: ReadonlyMap<string, Kept>;
}

/** What will be written, and what makes way. */
export interface SavePlan {
  /** `config.json`. */
  readonly configText: string;
  /** Where the files lie that go along, by the names that they are to have. */
  readonly files: ReadonlyMap<string, string>;
  /** The weight files. */
  readonly shards: readonly Shard[];
  /** Weight files of an earlier save, to be removed. */
  readonly stale: readonly string[];
}

/** Tokens of a `config.json` that settings of generation name too. */
const NAMED_TOKENS = ["bos_token_id", "eos_token_id"];

const TORCH_TYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/**
 * Saves every tensor of `source` to a folder, a few in memory at a time. Nothing is in its place before every
 * weight is on the disk, and `config.json` comes last: a folder that has one is complete. It is that of `from`,
 * where given, with `dtype` in it; else it says what `source` computes and no more.
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
): Promise<SavedCheckpoint> {
  const { dtype, onProgress, signal } = options;
  const { configText, files, shards, stale } = await checkSave(directory, source.config, options);
  // Before the weights: what cannot be read must not leave them without it.
  const carried = new Map<string, Uint8Array>();
  for (const [name, path] of files) {
    const bytes = await readFileIfThere(path, TokenizerError, CARRIED_FILE);
    if (bytes) carried.set(name, bytes);
  }
  const tensors = shards.flatMap(({ tensors }) => tensors);
  const bytes = tensors.reduce((sum, tensor) => sum + byteCount(tensor), 0);
  const kept = new Map<string, Kept>();
  let [done, bytesDone] = [0, 0];
  const configPath = join(directory, "config.json");
  const saved = { files: shards.map(({ name }) => name), bytes, kept };
  const rest: FileBeside[] = [];
  await using opened = new AsyncDisposableStack();
  await writeWeightFiles(directory, shards, headerOf(options), {
    form: ({ name }) => rounded(source, name, dtype, signal),
    written: (tensor, { kept: ofTensor }) => {
      if (ofTensor) kept.set(tensor.name, ofTensor);
      bytesDone += byteCount(tensor);
      onProgress?.({
        done: ++done,
        total: tensors.length,
        label: tensor.name,
        bytes: { done: bytesDone, total: bytes },
      });
    },
    beforeMove: async () => {
      // Before the weights: a disk that has no room for these is left as it was.
      await using beside = new AsyncDisposableStack();
      const texts = new Map<string, Uint8Array | string>(carried);
      if (shards.length > 1) texts.set(INDEX, indexOf(shards));
      if (options.card) texts.set("README.md", options.card(saved));
      for (const [name, content] of texts.set("config.json", configText)) {
        const file = beside.use(await FileBeside.open(join(directory, name)));
        const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
        await file.write((part) => writeAll(part, bytes));
        rest.push(file);
      }
      opened.use(beside.move());
      // Else a run that is killed now leaves new weights beside the settings of those they replace.
      await removeIfThere(configPath);
      await removeFiles(directory, stale);
    },
    signal,
  });
  for (const file of rest) await file.move();
  return saved;
}

/** A tensor's bytes as they are to be written. */
async function rounded(
  source: WeightSource,
  tensor: string,
  dtype: FloatType,
  signal?: AbortSignal,
): Promise<RoundedTensor> {
  const found = source.readRounded
    ? await source.readRounded(tensor, dtype, signal)
    : await readRounded(source, tensor, dtype, signal);
  if (found.unfit === null) return found;
  const { element, value } = found.unfit;
  throw new DivergenceError({
    problem: `element ${element} of '${source.name}' is not finite as ${dtype}`,
    tensor,
    value,
    expected: `a finite number within ${dtype}`,
  });
}

async function readRounded(
  { config, stored, readFloat32 }: WeightSource,
  tensor: string,
  dtype: FloatType,
  signal?: AbortSignal,
): Promise<RoundedTensor> {
  const raw = stored
    ? await stored.read(tensor)
    : float32Tensor(await readFloat32(tensor), tensorShape(config, tensor));
  const giveBack = () => stored?.giveBack?.(raw);
  if (stored && raw.dtype === dtype) return { bytes: raw.bytes, unfit: null, kept: null, giveBack };
  const found = await roundTensor(raw, dtype, signal);
  giveBack();
  return found;
}

function planOf(config: DecoderConfig, { dtype, shardBytes = SHARD_BYTES }: SaveOptions): Shard[] {
  const tensors = inStateDictOrder(tensorNames(config))
    .map((name): NamedTensorInfo => ({ name, dtype, shape: tensorShape(config, name) }));
  return planShards(tensors, shardBytes);
}

function headerOf({ metadata }: SaveOptions): Record<string, string> {
  return { format: "pt", ...metadata };
}

/**
 * Checks what `saveCheckpoint` would, before there are weights to save. Writes nothing.
 *
 * @returns the `config.json` to write, where the files lie that go along, by name, the weight files, and those of
 * an earlier save that make way.
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
  options: SaveOptions,
): Promise<SavePlan> {
  const { dtype, from, tokenizerFrom } = options;
  const files = await carriedFiles({ from, tokenizerFrom });
  const torchType = TORCH_TYPES[dtype];
  let configText = JSON.stringify({ ...configToJson(config), torch_dtype: torchType }, null, 2) +
    "\n";
  if (from !== undefined) {
    const carried = await carriedConfig(from, torchType);
    const path = join(from, "config.json");
    const found = await withEndTokens(parseConfig(JSON.parse(carried), path), from);
    const difference = differingSetting(found, config);
    if (difference && !options.fromBase) {
      throw new CheckpointError({
        problem: "is of another model than the weights to be saved",
        file: path,
        ...difference,
      });
    }
    const changes = configChanges(found, config);
    const isOther = options.fromBase && (difference || Object.keys(changes).length > 0);
    if (!isOther) configText = carried;
    // A base's settings of generation end its texts, and would count before config.json.
    else if (NAMED_TOKENS.some((field) => field in changes)) files.delete(GENERATION);
  }
  await checkNothingElse(directory, files.keys());
  const shards = planOf(config, options);
  const written = shards.map(({ name }) => name);
  if (shards.length > 1) written.push(INDEX);
  const stale = await staleWeights(directory, written, headerOf(options));
  return { configText, files, shards, stale };
}
