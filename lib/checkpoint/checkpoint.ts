/**
 * A checkpoint on disk: a folder with `config.json`, weights in one file or in shards, of the safetensors
 * format or PyTorch's own, and perhaps a tokenizer, in Hugging Face's layout.
 *
 * Opening it reads headers only and checks that every tensor of the configuration is there in its
 * shape; weights are read when asked for. Not here: writing (`save.ts`), fetching (`hub/`).
 */

import { CheckpointError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import { checkWeights, fileOfTensor } from "./check_weights.ts";
import { hubOrigin, modelName, readConfig } from "./checkpoint_folder.ts";
import { type DecoderConfig, hashedConfig } from "./config.ts";
import type { TensorSource } from "./file_range.ts";
import { fetchCheckpoint } from "./hub/fetch_checkpoint.ts";
import { isHubName } from "./hub/hub_name.ts";
import { oldHashes } from "./old_hashes.ts";
import { giveRoom } from "./room.ts";
import { scan } from "./scan_job.ts";
import { openShards, type OpenWeights } from "./shards.ts";
import { BLAKE3, digestOf } from "./blake3.ts";
import {
  ELEMENT_SIZES,
  type FloatType,
  type RawTensor,
  type TensorInfo,
  toFloat32,
} from "./tensor.ts";
import type { TensorFile } from "./tensor_file.ts";
import { TextTokenizer } from "./tokenizer.ts";
import { type TokenizerPlace, tokenizerPlace } from "./tokenizer_place.ts";
import { storedTensor, type StoredWeights, tensorNames, type WeightSource } from "./weights.ts";

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
  #oldHashes: Promise<readonly string[]> | null = null;
  /** Its folder. */
  readonly directory: string;
  /** As {@linkcode modelName} has it. */
  readonly name: string;
  /** Where it comes from, `hf:owner/name@commit`; `null` of a folder that is not in Hugging Face's cache. */
  readonly origin: string | null;
  /** Its architecture. */
  readonly config: DecoderConfig;
  /** Tensors in their own type; `read` throws as {@linkcode Checkpoint.readFloat32} does. */
  readonly stored: StoredWeights = {
    info: (tensor) => this.info(tensor),
    read: (tensor) => this.readDigested(tensor),
    giveBack: ({ bytes }) => giveRoom(bytes),
  };

  private constructor(directory: string, config: DecoderConfig, weights: OpenWeights) {
    this.directory = directory;
    this.name = modelName(directory);
    this.origin = hubOrigin(directory);
    this.config = config;
    this.#weights = weights;
  }

  /**
   * Opens a folder, or a model of the Hugging Face Hub by its name `hf:owner/name[@revision][/path]`, which is
   * fetched first where it is not in the cache; and checks it, in memory and time that its files bound, whatever
   * sizes its configuration claims.
   *
   * @throws {HubError} {OptionError} if a name is malformed, or what it names cannot be had.
   * @throws {ConfigError} if `config.json` is missing, malformed or of an unsupported architecture.
   * @throws {TensorFileError} if a weight file is missing or malformed.
   * @throws {CheckpointError} if there is no such folder; if a tensor is missing, of another shape than
   * the configuration says, or not of floats; if files or tensors are there that would change the model
   * and are not supported.
   */
  static async open(source: string, watch: Watch = {}): Promise<Checkpoint> {
    const directory = isHubName(source) ? await fetchCheckpoint(source, watch, readConfig) : source;
    const config = await readConfig(directory);
    const weights = await openShards(directory);
    const checkpoint = new Checkpoint(directory, config, weights);
    try {
      await checkWeights(config, weights, directory);
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
   * @throws {TensorFileError} if it is of a type that is not known.
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
    const values = toFloat32(await this.readDigested(tensor));
    // What is left of an F32 tensor's own bytes goes where memory that threads share is not taken.
    return values.buffer instanceof SharedArrayBuffer ? values.slice() : values;
  }

  /**
   * As {@linkcode Checkpoint.read} of finite values, and keeps the tensor's digest, so that
   * {@linkcode Checkpoint.hash} need not read it again; `stored` and {@linkcode Checkpoint.readFloat32} do so
   * too.
   *
   * @throws {CheckpointError} as {@linkcode Checkpoint.readFloat32} does.
   */
  async readDigested(tensor: string): Promise<RawTensor> {
    const stored = storedTensor(this.config, tensor);
    const file = this.#file(tensor);
    const finite = file.place(stored).dtype as FloatType;
    const { raw, digest, notFinite } = await file.readScanned(stored, {
      digest: !this.#digests.has(stored),
      finite,
    });
    if (digest !== null) this.#digests.set(stored, digest);
    return notFinite < 0 ? raw : await this.refuse(tensor, notFinite);
  }

  /**
   * Where a tensor lies, for a job that reads it for more than is asked for here.
   *
   * @throws {CheckpointError} if the checkpoint has no such tensor.
   */
  source(tensor: string): TensorSource {
    const stored = storedTensor(this.config, tensor);
    const file = this.#file(tensor);
    const { dtype, shape } = file.place(stored);
    return { range: file.range(stored), dtype, shape, digest: this.#digests.get(stored) ?? null };
  }

  /** `blake3:` and the BLAKE3 of a tensor's bytes, in hex, which are read for it unless it is known. */
  async digest(tensor: string): Promise<string> {
    const { range: from, digest: known } = this.source(tensor);
    if (known !== null) return known;
    const { digest } = await scan({ from, into: null, digest: true, finite: null });
    this.noteDigest(tensor, digest!);
    return digest!;
  }

  /** Keeps what a job found to be a tensor's digest, as of {@linkcode Checkpoint.digest}. */
  noteDigest(tensor: string, digest: string): void {
    this.#digests.set(storedTensor(this.config, tensor), digest);
  }

  /**
   * Refuses a tensor for one of its elements, which is NaN or infinite.
   *
   * @throws {CheckpointError} that names it.
   */
  async refuse(tensor: string, element: number): Promise<never> {
    const { dtype, bytes } = await this.read(tensor);
    const size = ELEMENT_SIZES[dtype];
    const one = bytes.slice(element * size, (element + 1) * size);
    throw new CheckpointError({
      problem: `element ${element} is not finite`,
      file: this.#file(tensor).path,
      tensor,
      value: toFloat32({ dtype, shape: [1], bytes: one })[0],
      expected: "finite weights",
    });
  }

  /**
   * `blake3:` and BLAKE3, in hex, over the configuration and, of each tensor in order of name, its name, type,
   * shape and the BLAKE3 of its bytes. The same for one file and for shards; other files and tensors do not
   * count. Reads the tensors whose digests are not known yet.
   */
  async hash(): Promise<string> {
    const names = tensorNames(this.config).sort();
    const digests = await Promise.all(names.map((tensor) => this.digest(tensor)));
    const parts = names.map((tensor, index) => {
      const { dtype, shape } = this.info(tensor);
      return [tensor, dtype, shape, digests[index]];
    });
    return digestOf(hashedConfig(this.config) + JSON.stringify(parts));
  }

  /**
   * Whether a hash names this checkpoint: {@linkcode Checkpoint.hash}, or one of those by SHA-256 that delta
   * files of versions 1 to 3 have, for which all tensors are read.
   */
  async isNamedBy(hash: string): Promise<boolean> {
    if (hash.startsWith(BLAKE3)) return hash === await this.hash();
    return (await (this.#oldHashes ??= oldHashes(this))).includes(hash);
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

  /** As {@linkcode Checkpoint.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #file(tensor: string): TensorFile {
    return fileOfTensor(this.config, this.#weights, tensor, this.directory);
  }
}
