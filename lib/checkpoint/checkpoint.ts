/**
 * A checkpoint on disk: a folder with `config.json`, weights in one safetensors file or in shards, and
 * perhaps a tokenizer, in Hugging Face's layout.
 *
 * Opening it reads headers only and checks that every tensor of the configuration is there in its
 * shape; weights are read when asked for. Not here: writing (`save.ts`), fetching from a network.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { CheckpointError, ConfigError } from "../errors.ts";
import { type DecoderConfig, parseConfig } from "./config.ts";
import { modelName } from "./model_name.ts";
import type { SafetensorsFile } from "./safetensors.ts";
import { openShards } from "./shards.ts";
import { isFloatType, type RawTensor, type TensorInfo, toFloat32 } from "./tensor.ts";
import { checkTokenizer, TextTokenizer } from "./tokenizer.ts";
import {
  storedTensor,
  type StoredWeights,
  tensorNames,
  tensorShape,
  type WeightSource,
} from "./weights.ts";

/** An open checkpoint folder. */
export class Checkpoint implements WeightSource, Disposable {
  readonly #files: readonly SafetensorsFile[];
  readonly #fileOf: ReadonlyMap<string, SafetensorsFile>;
  #hash: Promise<string> | null = null;
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

  private constructor(directory: string, config: DecoderConfig, files: SafetensorsFile[]) {
    this.directory = directory;
    this.name = modelName(directory);
    this.config = config;
    this.#files = files;
    this.#fileOf = new Map(
      files.flatMap((file) => [...file.tensors.keys()].map((tensor) => [tensor, file] as const)),
    );
  }

  /**
   * Opens a folder and checks it.
   *
   * @throws {ConfigError} if `config.json` is missing, malformed or of an unsupported architecture.
   * @throws {SafetensorsError} if a weight file is missing or malformed.
   * @throws {CheckpointError} if a tensor is missing, of another shape than the configuration says, or
   * not of floats.
   */
  static async open(directory: string): Promise<Checkpoint> {
    const path = join(directory, "config.json");
    const config = parseConfig(await readConfigJson(path), path);
    const checkpoint = new Checkpoint(directory, config, await openShards(directory));
    try {
      for (const tensor of tensorNames(config)) checkpoint.#check(tensor);
      return checkpoint;
    } catch (error) {
      checkpoint.close();
      throw error;
    }
  }

  /** Whether `read` and `readFloat32` can answer for this tensor. */
  has(tensor: string): boolean {
    return this.#fileOf.has(storedTensor(this.config, tensor));
  }

  /**
   * Type and shape of a tensor.
   *
   * @throws {CheckpointError} if the checkpoint has no such tensor.
   */
  info(tensor: string): TensorInfo {
    const stored = storedTensor(this.config, tensor);
    return this.#file(tensor).tensors.get(stored)!;
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
   * SHA-256, in hex, over the configuration and over name, type, shape and bytes of each of its tensors
   * in order of name. The same for one file and for shards; other files and tensors do not count.
   */
  hash(): Promise<string> {
    this.#hash ??= this.#computeHash();
    return this.#hash;
  }

  /**
   * The tokenizer in this folder, bound to this model's vocabulary.
   *
   * @throws {TokenizerError} if it is missing, malformed or of more tokens than the model.
   */
  async tokenizer(): Promise<TextTokenizer> {
    const tokenizer = await TextTokenizer.open(this.directory);
    checkTokenizer(tokenizer, this.config);
    return tokenizer;
  }

  /** Closes the weight files; reads fail from here on. */
  close(): void {
    for (const file of this.#files) file.close();
  }

  /** Closes its files. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #computeHash(): Promise<string> {
    const hash = createHash("sha256").update(JSON.stringify(this.config));
    for (const tensor of tensorNames(this.config).sort()) {
      const { dtype, shape, bytes } = await this.read(tensor);
      hash.update(JSON.stringify([tensor, dtype, shape])).update(bytes);
    }
    return hash.digest("hex");
  }

  #file(tensor: string): SafetensorsFile {
    const file = this.#fileOf.get(storedTensor(this.config, tensor));
    if (file) return file;
    throw new CheckpointError({
      problem: "is missing",
      file: this.directory,
      tensor,
      expected:
        `each tensor of a ${this.config.architecture} with ${this.config.layerCount} layers`,
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

async function readConfigJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    throw new ConfigError({
      problem: "cannot be read",
      file: path,
      value: (cause as Error).message,
      expected: "the JSON settings of a Llama or Mistral checkpoint",
      cause,
    });
  }
}
