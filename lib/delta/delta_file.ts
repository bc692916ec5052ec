/**
 * Delta files, read layer by layer: one safetensors file a delta, or a `diff.pt` of the study's own code.
 *
 * Each part of a layer is an entry `<layer>.<part>` (of a second term `<layer>.1.<part>`), and whole tensors
 * stand under their names in the checkpoint, so that packed signs with one scale have the names of the
 * study's own code. What the header says is in `delta_header.ts`. From version 3 on each entry has a
 * digest, and all of these one in the header: opening checks that, reading an entry checks its own.
 */

import { bytesDigest, DIGEST, headerDigest } from "../checkpoint/content_digest.ts";
import { openTensorFile } from "../checkpoint/open_tensor_file.ts";
import { isHubName } from "../checkpoint/hub/hub_name.ts";
import { giveRoom } from "../checkpoint/room.ts";
import { isFloatType, type RawTensor, type TensorInfo } from "../checkpoint/tensor.ts";
import type { TensorFile } from "../checkpoint/tensor_file.ts";
import type { CompressedLayer, LayerForm } from "../codecs/codec.ts";
import { checkLayer, layerParts, refuseElement } from "../codecs/layer.ts";
import { DeltaError, nameFile } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import { type Delta, type DeltaMetadata, loadDelta, type MemoryDelta, NO_FIT } from "./delta.ts";
import { deltaEntries } from "./delta_size.ts";
import {
  type FileContents,
  FORMS_SINCE,
  notAsWritten,
  parseForms,
  parseMetadata,
} from "./delta_header.ts";
import { fetchDelta } from "./fetch_delta.ts";
import { readOldFormat } from "./old_formats.ts";

/**
 * An open delta file. Dispose of it when no layer is asked for any more.
 *
 * @example
 * ```ts
 * import { DeltaFile, openDelta, Pair, projectPath, writeDelta } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeDelta(path, await pair.extract());
 * using delta: DeltaFile = await openDelta(path);
 * assert.equal(delta.metadata.fineHash, await pair.fine.hash());
 * await Deno.remove(path);
 * ```
 */
export class DeltaFile implements Delta, Disposable {
  readonly #file: TensorFile;
  readonly #contents: FileContents;
  /** Where it is. */
  readonly path: string;
  /** Of all of its content; `null` for a file from before there were any. */
  readonly digest: string | null;
  /** As its header says. */
  readonly metadata: DeltaMetadata;
  /** The header's texts as they stand there. */
  readonly header: Readonly<Record<string, string>>;
  /** As {@linkcode Delta.layers}. */
  readonly layers: ReadonlyMap<string, LayerForm>;
  /** As {@linkcode Delta.whole}. */
  readonly whole: ReadonlyMap<string, TensorInfo>;

  private constructor(file: TensorFile, contents: FileContents) {
    this.#file = file;
    this.#contents = contents;
    this.path = file.path;
    this.header = file.metadata;
    ({
      digest: this.digest,
      metadata: this.metadata,
      layers: this.layers,
      whole: this.whole,
    } = contents);
  }

  /** {@linkcode openDelta}. */
  static async open(path: string): Promise<DeltaFile> {
    const file = await openTensorFile(path);
    try {
      return await nameFile(path, DeltaError, async () => {
        const metadata = parseMetadata(file);
        const isOld = (metadata.version ?? 0) < FORMS_SINCE;
        const contents = isOld ? await readOldFormat(file, metadata) : readFormat(file, metadata);
        deltaEntries(contents);
        return new DeltaFile(file, contents);
      });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** As {@linkcode Delta.readLayer}. */
  async readLayer(name: string): Promise<CompressedLayer> {
    const form = this.layers.get(name);
    if (!form) throw this.#missing(name);
    const terms = form.terms.map((term) => ({ ...term, parts: {} as Record<string, RawTensor> }));
    for (const { entry, term, part } of layerParts(name, form)) {
      terms[term].parts[part] = (await this.#contents.read(entry)).tensor;
    }
    const layer = { ...form, terms };
    checkLayer(name, layer, this.path);
    return layer;
  }

  /**
   * One part of a layer, without the others.
   *
   * @param entry as {@linkcode LayerPart.entry} has it.
   * @throws {DeltaError} as {@linkcode Delta.readLayer}.
   */
  async readPart(entry: string): Promise<RawTensor> {
    const { tensor, notFinite } = await this.#contents.read(entry);
    if (notFinite >= 0) refuseElement(entry, tensor, notFinite, NO_FIT, this.path);
    return tensor;
  }

  /** Bytes of an entry in the file. */
  storedBytes(entry: string): number {
    return this.#file.range(entry).byteLength;
  }

  /** As {@linkcode Delta.readWhole}. */
  async readWhole(name: string): Promise<RawTensor> {
    if (!this.whole.has(name)) throw this.#missing(name);
    const { tensor, notFinite } = await this.#contents.read(name);
    if (notFinite >= 0) refuseElement(name, tensor, notFinite, NO_FIT, this.path);
    return tensor;
  }

  /** As {@linkcode Delta.giveBack}. */
  giveBack({ bytes }: RawTensor): void {
    giveRoom(bytes);
  }

  /** Closes the file; nothing more can be read. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #missing(tensor: string): DeltaError {
    const expected = "one of its layers or whole tensors";
    return new DeltaError({ problem: "is not in the delta", file: this.path, tensor, expected });
  }
}

/**
 * Opens a delta, also one that the study's own code saved, in safetensors or in its own `diff.pt`: method
 * `"unknown"`, hashes `null`, and every `in` taken for a multiple of 32. Header and metadata are checked at once, each layer when it is read; of
 * a file of version 2, whose one digest is over all, every byte is read once here.
 *
 * @throws {TensorFileError} if the file is not a safetensors file, nor one of `torch.save`.
 * @param source a file, or `hf:owner/name[@revision][/file]` on the Hugging Face Hub, which is fetched first
 * where it is not in the cache.
 * @throws {HubError} {OptionError} if a name is malformed, or what it names cannot be had.
 * @throws {SafetensorsError} if the file is not a safetensors file.
 * @throws {DeltaError} if it is not a delta, of a newer version, of a codec that is not known, or not as it
 * was written.
 *
 * @example
 * ```ts
 * import { memoryDelta, openDelta, signsTerm, writeDelta } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const shape: [number, number] = [2, 64];
 * const terms = [signsTerm(new Int32Array(4), shape, { coeff: 0.5 })];
 * const layers = new Map([["model.layers.0.mlp.up_proj", { shape, role: "delta" as const, terms }]]);
 * const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: null };
 * const delta = memoryDelta(layers, new Map(), metadata);
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/delta.safetensors`;
 * await writeDelta(path, delta);
 * {
 *   using file = await openDelta(path);
 *   const [name] = file.layers.keys();
 *   assert.deepEqual(await file.readLayer(name), layers.get(name));
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function openDelta(source: string, watch: Watch = {}): Promise<DeltaFile> {
  return await DeltaFile.open(isHubName(source) ? await fetchDelta(source, watch) : source);
}

/**
 * {@linkcode openDelta}, all of it in memory.
 *
 * @throws as {@linkcode openDelta}, and as {@linkcode Delta.readLayer} and {@linkcode Delta.readWhole}.
 *
 * @example
 * ```ts
 * import { memoryDelta, readDelta, signsTerm, writeDelta } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const shape: [number, number] = [2, 64];
 * const terms = [signsTerm(new Int32Array(4), shape, { coeff: 0.5 })];
 * const layers = new Map([["model.layers.0.mlp.up_proj", { shape, role: "delta" as const, terms }]]);
 * const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: null };
 * const delta = memoryDelta(layers, new Map(), metadata);
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/delta.safetensors`;
 * await writeDelta(path, delta);
 * assert.deepEqual((await readDelta(path)).layers, layers);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readDelta(path: string): Promise<MemoryDelta> {
  using file = await openDelta(path);
  return await loadDelta(file);
}

/** What a file of version 3 or later holds. */
function readFormat(file: TensorFile, metadata: DeltaMetadata): FileContents {
  for (const name of file.unreadable.keys()) file.place(name);
  const digest = file.metadata[DIGEST];
  const root = headerDigest(file.metadata, file.tensors);
  if (digest !== root) throw notAsWritten(file, { option: DIGEST, value: root, digest });
  const { layers, digests } = parseForms(file);
  const whole = new Map<string, TensorInfo>();
  for (const [name, { dtype, shape }] of file.tensors) whole.set(name, { dtype, shape });
  for (const [layer, form] of layers) {
    for (const { entry, info } of layerParts(layer, form)) {
      const found = file.tensors.get(entry);
      const fits = found?.dtype === info.dtype && `${found.shape}` === `${info.shape}`;
      if (!fits) throw misshapen(file, entry, found, info);
      whole.delete(entry);
    }
  }
  if (layers.size === 0) {
    const expected = "a delta, with at least one";
    throw new DeltaError({ problem: "holds no layers", file: file.path, expected });
  }
  return {
    metadata,
    digest,
    layers,
    whole,
    async read(entry) {
      const { dtype } = file.place(entry);
      const wanted = { digest: true, finite: isFloatType(dtype) ? dtype : null };
      const { raw: tensor, digest: blake3, notFinite } = await file.readScanned(entry, wanted);
      const digest = digests.get(entry);
      const found = metadata.version === FORMS_SINCE ? bytesDigest(tensor.bytes) : blake3!;
      if (digest === found) return { tensor, notFinite };
      throw notAsWritten(file, { tensor: entry, value: found, digest });
    },
  };
}

function misshapen(
  file: TensorFile,
  tensor: string,
  found: TensorInfo | undefined,
  { dtype, shape }: TensorInfo,
): DeltaError {
  return new DeltaError({
    problem: NO_FIT,
    file: file.path,
    tensor,
    value: found ? `${found.dtype} of shape [${found.shape}]` : "nothing",
    expected: `${dtype} of shape [${shape}]`,
  });
}
