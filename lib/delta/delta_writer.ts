/**
 * Delta files, written layer by layer, so that a delta need never be in memory whole.
 *
 * The place of every entry follows from the layers' forms, and digests are of one length: room for the
 * header is left at the start, and it is written last.
 */

import { DIGEST, headerDigest } from "../checkpoint/content_digest.ts";
import { formatHeader } from "../checkpoint/safetensors_header.ts";
import { scan } from "../checkpoint/scan_job.ts";
import { byteCount, isFloatType, type RawTensor } from "../checkpoint/tensor.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { checkLayer, formOf, layerParts, refuseElement } from "../codecs/layer.ts";
import { DeltaError } from "../util/errors.ts";
import { FileBeside, writeAll } from "../util/files.ts";
import { type Delta, NO_FIT } from "./delta.ts";
import { formatMetadata } from "./delta_header.ts";
import { type DeltaPlaces, deltaPlaces } from "./planned_header.ts";

/** What is known of a delta before any of its numbers. */
export type DeltaPlan = Pick<Delta, "metadata" | "layers" | "whole">;

/** A file on its way to its place. */
export type Draft = Pick<FileBeside, "path" | "write" | "move" | typeof Symbol.asyncDispose>;

/** The hashes of a pair, where they are known only when all was read. */
export type PairHashes = Pick<Delta["metadata"], "baseHash" | "fineHash">;

/**
 * Writes a delta that comes in parts. Nothing is at its path before {@linkcode DeltaWriter.finish}, and
 * nothing is left behind where that was not reached: dispose of it.
 *
 * @example
 * ```ts
 * import { DeltaWriter, memoryDelta, readDelta, signsTerm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const shape: [number, number] = [2, 64];
 * const terms = [signsTerm(new Int32Array(4), shape, { coeff: 0.5 })];
 * const layers = new Map([["model.layers.0.mlp.up_proj", { shape, role: "delta" as const, terms }]]);
 * const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: null };
 * const delta = memoryDelta(layers, new Map(), metadata);
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/delta.safetensors`;
 * {
 *   await using writer = await DeltaWriter.open(path, delta);
 *   for (const [name, layer] of layers) await writer.writeLayer(name, layer);
 *   await writer.finish();
 * }
 * assert.deepEqual((await readDelta(path)).layers, layers);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class DeltaWriter implements AsyncDisposable {
  readonly #draft: Draft;
  readonly #plan: DeltaPlan;
  readonly #places: DeltaPlaces;
  readonly #digests = new Map<string, string>();
  /** One write at a time: they share the file's position. */
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(draft: Draft, plan: DeltaPlan, places: DeltaPlaces) {
    this.#draft = draft;
    this.#plan = plan;
    this.#places = places;
  }

  /**
   * Begins a file.
   *
   * @param plan every layer's form and every whole tensor's type and shape; hashes that are not known yet
   * may be given to {@linkcode DeltaWriter.finish}.
   * @param draft where it is written until then; default: a new file beside.
   * @throws {DeltaError} if a form is none of its codec's, two entries are of one name, or there are more than
   * a header can name.
   * @throws {OutputError} if the file cannot be written.
   */
  static async open(path: string, plan: DeltaPlan, draft?: Draft): Promise<DeltaWriter> {
    const places = deltaPlaces(plan, path);
    return new DeltaWriter(draft ?? await FileBeside.open(path), plan, places);
  }

  /** Digests of the entries so far, by their names. */
  get digests(): ReadonlyMap<string, string> {
    return this.#digests;
  }

  /** Takes entries as written that an earlier run wrote to the draft, with their digests. */
  adopt(digests: Iterable<readonly [entry: string, digest: string]>): void {
    for (const [entry, digest] of digests) this.#digests.set(entry, digest);
  }

  /**
   * Writes a layer of the plan; in any order.
   *
   * @throws {DeltaError} if it is of another form than planned, or its parts are not as its codecs say.
   * @throws {OutputError} if the file cannot be written.
   */
  async writeLayer(name: string, layer: CompressedLayer): Promise<void> {
    const planned = this.#plan.layers.get(name);
    const [found, expected] = [layer, planned].map((each) => each && JSON.stringify(formOf(each)));
    if (found !== expected) {
      throw new DeltaError({
        problem: "is not stored as it was said to be",
        file: this.#draft.path,
        tensor: name,
        value: found,
        expected: expected ?? "a layer of the plan",
      });
    }
    checkLayer(name, layer, this.#draft.path);
    for (const { entry, term, part } of layerParts(name, layer)) {
      await this.#write(entry, layer.terms[term].parts[part]);
    }
  }

  /**
   * Writes a whole tensor of the plan; in any order.
   *
   * @param digest of its bytes, {@linkcode Blake3}, where they were read for one and found finite.
   * @throws {RangeError} if it is none, or of another type or shape.
   * @throws {DeltaError} if it is not finite, where it is of floats.
   * @throws {OutputError} if the file cannot be written.
   */
  async writeWhole(name: string, tensor: RawTensor, digest?: string): Promise<void> {
    if (!this.#plan.whole.has(name)) {
      throw new RangeError(`tensor '${name}' is no whole tensor of the plan`);
    }
    await this.#write(name, tensor, digest);
  }

  /**
   * Writes the header and puts the file in its place.
   *
   * @param hashes of a pair that was read meanwhile.
   * @returns the digest that the file carries, in hex.
   * @throws {DeltaError} if a layer or whole tensor was not written.
   * @throws {OutputError} if the file cannot be written.
   */
  async finish(hashes: Partial<PairHashes> = {}): Promise<string> {
    const { entries, sorted, headerLength } = this.#places;
    const missing = sorted.find(({ name }) => !this.#digests.has(name))?.name;
    if (missing !== undefined) {
      throw new DeltaError({
        problem: "was not written",
        file: this.#draft.path,
        tensor: missing,
        expected: "every part of every layer, and every whole tensor",
      });
    }
    const digests = new Map(sorted.map(({ name }) => [name, this.#digests.get(name)!]));
    const plan = { ...this.#plan, metadata: { ...this.#plan.metadata, ...hashes } };
    const metadata = formatMetadata(plan, digests);
    const digest = headerDigest(metadata, entries);
    const all = { ...metadata, [DIGEST]: digest };
    const header = formatHeader(sorted, all, headerLength);
    if (header.length !== headerLength) {
      throw new RangeError(`a header of ${header.length} bytes; room is for ${headerLength}`);
    }
    await this.#at(0, header);
    await this.#draft.move();
    return digest;
  }

  /** Removes what was written, unless it was finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#draft[Symbol.asyncDispose]();
  }

  async #write(entry: string, tensor: RawTensor, known?: string): Promise<void> {
    const { dtype, shape, bytes } = tensor;
    const info = this.#places.entries.get(entry);
    const fits = info?.dtype === dtype && `${info.shape}` === `${shape}` &&
      bytes.length === byteCount(info);
    if (!fits) {
      throw new RangeError(
        `tensor '${entry}' is ${dtype} of shape [${shape}] in ${bytes.length} bytes; expected ` +
          (info ? `${info.dtype} of shape [${info.shape}]` : "a whole tensor of the plan"),
      );
    }
    this.#digests.set(entry, known ?? await this.#examine(entry, tensor));
    await this.#at(this.#places.begins.get(entry)!, bytes);
  }

  /** The digest of a tensor that is found finite, where it is of floats. */
  async #examine(entry: string, tensor: RawTensor): Promise<string> {
    const finite = isFloatType(tensor.dtype) ? tensor.dtype : null;
    const { digest, notFinite } = await scan({
      from: tensor.bytes,
      into: null,
      digest: true,
      finite,
    });
    if (notFinite >= 0) refuseElement(entry, tensor, notFinite, NO_FIT, this.#draft.path);
    return digest!;
  }

  async #at(position: number, bytes: Uint8Array): Promise<void> {
    const write = () =>
      this.#draft.write(async (file) => {
        await file.seek(position, Deno.SeekMode.Start);
        await writeAll(file, bytes);
      });
    const written = this.#lastWrite.then(write, write);
    this.#lastWrite = written;
    await written;
  }
}

/**
 * Writes a delta, atomically, a layer at a time.
 *
 * @returns the digest that the file carries, in hex.
 * @throws {DeltaError} as {@linkcode DeltaWriter} does, and as the delta's own layers do.
 * @throws {OutputError} if the file cannot be written; nothing is left behind.
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
 * const digest = await writeDelta(path, delta);
 * {
 *   using file = await openDelta(path);
 *   assert.equal(file.digest, digest);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeDelta(path: string, delta: Delta): Promise<string> {
  await using writer = await DeltaWriter.open(path, delta);
  for (const name of delta.layers.keys()) {
    await writer.writeLayer(name, await delta.readLayer(name));
  }
  for (const name of delta.whole.keys()) {
    await writer.writeWhole(name, await delta.readWhole(name));
  }
  return await writer.finish();
}
