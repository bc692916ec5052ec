/**
 * A checkpoint on disk: a folder with `config.json`, weights in one safetensors file or in shards, and
 * perhaps a tokenizer, in Hugging Face's layout.
 *
 * Opening it reads headers only and checks that every tensor of the configuration is there in its
 * shape; weights are read when asked for. Not here: writing (`save.ts`), fetching from a network.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { CheckpointError, ConfigError } from "../util/errors.ts";
import { readJsonFile } from "../util/json_file.ts";
import { isTaken } from "../util/regular_file.ts";
import { checkFolder, modelName } from "./checkpoint_folder.ts";
import { CONFIG_FILE, type DecoderConfig, parseConfig } from "./config.ts";
import type { SafetensorsFile } from "./safetensors.ts";
import { openShards, type OpenWeights } from "./shards.ts";
import { isFloatType, type RawTensor, type TensorInfo, toFloat32 } from "./tensor.ts";
import { TextTokenizer } from "./tokenizer.ts";
import { type TokenizerPlace, tokenizerPlace } from "./tokenizer_place.ts";
import { checkUnused } from "./unused_tensors.ts";
import {
  eachTensorName,
  HEAD,
  storedTensor,
  type StoredWeights,
  tensorNames,
  tensorShape,
  type WeightSource,
} from "./weights.ts";

/**
 * An open checkpoint folder.
 *
 * @example
 * ```ts
 * import { Checkpoint, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * assert.equal(model.config.architecture, "LlamaForCausalLM");
 * assert.deepEqual(model.info("model.norm.weight").shape, [model.config.hiddenSize]);
 * ```
 */
export class Checkpoint implements WeightSource, Disposable {
  readonly #weights: OpenWeights;
  /** Digests of the tensors that were read for one, by their stored names. */
  readonly #digests = new Map<string, string>();
  #chainedHash: Promise<string> | null = null;
  /** Its folder. */
  readonly directory: string;
  /** As {@linkcode modelName} has it. */
  readonly name: string;
  /** Its architecture. */
  readonly config: DecoderConfig;
  /** Tensors in their own type; `read` throws as {@linkcode Checkpoint.readFloat32} does. */
  readonly stored: StoredWeights = {
    info: (tensor) => this.info(tensor),
    read: async (tensor) => {
      const stored = await this.read(tensor);
      this.checkFinite(tensor, toFloat32(stored));
      return stored;
    },
  };

  private constructor(directory: string, config: DecoderConfig, weights: OpenWeights) {
    this.directory = directory;
    this.name = modelName(directory);
    this.config = config;
    this.#weights = weights;
  }

  /**
   * Opens a folder and checks it, in memory and time that its files bound, whatever sizes its
   * configuration claims.
   *
   * @throws {ConfigError} if `config.json` is missing, malformed or of an unsupported architecture.
   * @throws {SafetensorsError} if a weight file is missing or malformed.
   * @throws {CheckpointError} if there is no such folder; if a tensor is missing, of another shape than
   * the configuration says, or not of floats; if files or tensors are there that would change the model
   * and are not supported.
   */
  static async open(directory: string): Promise<Checkpoint> {
    await checkFolder(directory);
    await checkNoAdapter(join(directory, "adapter_config.json"));
    const path = join(directory, "config.json");
    const { json } = await readJsonFile(path, ConfigError, CONFIG_FILE);
    const config = parseConfig(json, path);
    const weights = await openShards(directory);
    const checkpoint = new Checkpoint(directory, config, weights);
    try {
      const needed = new Set<string>();
      for (const tensor of eachTensorName(config)) {
        checkpoint.#check(tensor);
        needed.add(tensor);
      }
      await checkUnused(weights, config, needed);
      return checkpoint;
    } catch (error) {
      checkpoint.close();
      throw error;
    }
  }

  /** Whether `read` and `readFloat32` can answer for this tensor. */
  has(tensor: string): boolean {
    return this.#weights.fileOf.has(storedTensor(this.config, tensor));
  }

  /**
   * Type and shape of a tensor.
   *
   * @throws {CheckpointError} if the checkpoint has no such tensor.
   * @throws {SafetensorsError} if it is of a type that is not known.
   */
  info(tensor: string): TensorInfo {
    const stored = storedTensor(this.config, tensor);
    return this.#file(tensor).place(stored);
  }

  /**
   * A tensor as it is stored, its values unchecked.
   *
   * @throws {CheckpointError} if the checkpoint has no such tensor.
   */
  async read(tensor: string): Promise<RawTensor> {
    return await this.#file(tensor).read(storedTensor(this.config, tensor));
  }

  /**
   * A tensor as 32-bit floats, row-major.
   *
   * @throws {CheckpointError} if there is no such tensor, or a value is NaN or infinite.
   */
  async readFloat32(tensor: string): Promise<Float32Array> {
    const values = toFloat32(await this.read(tensor));
    this.checkFinite(tensor, values);
    return values;
  }

  /**
   * Checks values of a tensor that were read from it.
   *
   * @throws {CheckpointError} naming the first of `values` that is NaN or infinite, as one of this tensor.
   */
  checkFinite(tensor: string, values: Float32Array): void {
    let index = 0;
    while (index < values.length && Number.isFinite(values[index])) index++;
    if (index === values.length) return;
    throw new CheckpointError({
      problem: `element ${index} is not finite`,
      file: this.#file(tensor).path,
      tensor,
      value: values[index],
      expected: "finite weights",
    });
  }

  /**
   * As {@linkcode Checkpoint.read}, and keeps the tensor's digest, so that {@linkcode Checkpoint.hash} need
   * not read it again: for one who reads all of a checkpoint anyway.
   */
  async readDigested(tensor: string): Promise<RawTensor> {
    const stored = storedTensor(this.config, tensor);
    const raw = await this.read(stored);
    if (!this.#digests.has(stored)) this.#digests.set(stored, tensorDigest(stored, raw));
    return raw;
  }

  /**
   * SHA-256, in hex, over the configuration and the digests of its tensors in order of name; a tensor's
   * digest is the SHA-256 over its name, type, shape and bytes. The same for one file and for shards; other
   * files and tensors do not count. Reads the tensors whose digests are not known yet.
   */
  async hash(): Promise<string> {
    const root = createHash("sha256").update(JSON.stringify(this.config));
    for (const tensor of tensorNames(this.config).sort()) {
      if (!this.#digests.has(tensor)) await this.readDigested(tensor);
      root.update(JSON.stringify([tensor, this.#digests.get(tensor)]));
    }
    return root.digest("hex");
  }

  /**
   * Whether a hash names this checkpoint: {@linkcode Checkpoint.hash}, or the one that delta files of versions
   * 1 and 2 name, over all of its bytes in one chain. All tensors are read for the latter, where the former
   * differs.
   */
  async isNamedBy(hash: string): Promise<boolean> {
    return hash === await this.hash() ||
      hash === await (this.#chainedHash ??= this.#computeChainedHash());
  }

  /**
   * The tokenizer in this folder, bound to this model's vocabulary.
   *
   * @param base lends those of its two files that are not in this folder.
   * @throws {TokenizerError} if it is missing or malformed; later, if a text has an id beyond the model's.
   */
  async tokenizer(base?: Checkpoint): Promise<TextTokenizer> {
    const place = await this.tokenizerPlace(base);
    return await TextTokenizer.open(place, this.config.vocabularySize);
  }

  /** Where the files of {@linkcode Checkpoint.tokenizer} lie. */
  tokenizerPlace(base?: Checkpoint): Promise<TokenizerPlace> {
    return tokenizerPlace(this.directory, base?.directory);
  }

  /** Closes the weight files; reads fail from here on. */
  close(): void {
    for (const file of this.#weights.files) file.close();
  }

  /** Closes its files. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #computeChainedHash(): Promise<string> {
    const chain = createHash("sha256").update(JSON.stringify(this.config));
    for (const tensor of tensorNames(this.config).sort()) {
      const { dtype, shape, bytes } = await this.read(tensor);
      chain.update(JSON.stringify([tensor, dtype, shape])).update(bytes);
    }
    return chain.digest("hex");
  }

  #file(tensor: string): SafetensorsFile {
    const file = this.#weights.fileOf.get(storedTensor(this.config, tensor));
    if (file) return file;
    throw new CheckpointError({
      problem: "is missing",
      file: this.directory,
      tensor,
      expected: tensor === HEAD
        ? "a head of its own, or tie_word_embeddings: true in config.json"
        : `each tensor of a ${this.config.architecture} with ${this.config.layerCount} layers`,
    });
  }

  #check(tensor: string): void {
    const { dtype, shape } = this.info(tensor);
    const expected = tensorShape(this.config, tensor);
    if (shape.length !== expected.length || shape.some((side, axis) => side !== expected[axis])) {
      throw new CheckpointError({
        problem: "has another shape than config.json says",
        file: this.#file(tensor).path,
        tensor,
        value: shape,
        expected: `[${expected.join(", ")}]`,
      });
    }
    if (!isFloatType(dtype)) {
      throw new CheckpointError({
        problem: "has a dtype that weights cannot have",
        file: this.#file(tensor).path,
        tensor,
        value: dtype,
        expected: "F32, F16 or BF16",
      });
    }
  }
}

function tensorDigest(name: string, { dtype, shape, bytes }: RawTensor): string {
  return createHash("sha256").update(JSON.stringify([name, dtype, shape])).update(bytes)
    .digest("hex");
}

/** An adapter changes the weights beside it when transformers loads the folder. */
async function checkNoAdapter(path: string): Promise<void> {
  if (!await isTaken(path)) return;
  throw new CheckpointError({
    problem: "adds an adapter to a model, which is not supported",
    file: path,
    expected: "a checkpoint that the adapter is merged into, without this file",
  });
}
