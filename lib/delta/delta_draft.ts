/**
 * A delta's file before it is whole, under a name that the next run of the same command finds: what was written to
 * it can be read again. Not here: which of its entries are written, which a journal knows.
 */

import { Blake3 } from "../checkpoint/blake3.ts";
import { byteCount, type RawTensor } from "../checkpoint/tensor.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { layerParts } from "../codecs/layer.ts";
import { LockedFile, readStretch } from "../util/locked_file.ts";
import type { DeltaPlan, Draft } from "./delta_writer.ts";
import { type DeltaPlaces, deltaPlaces } from "./planned_header.ts";

/** Bytes of an entry that are read at once to digest them. */
const AT_ONCE = 2 ** 22;

/** An unfinished file, held by this process. Disposing of it keeps it. */
export class DeltaDraft implements Draft {
  readonly #file: LockedFile;
  readonly #places: DeltaPlaces;

  private constructor(
    readonly path: string,
    readonly plan: DeltaPlan,
    file: LockedFile,
    places: DeltaPlaces,
  ) {
    this.#file = file;
    this.#places = places;
  }

  /**
   * The unfinished file of a delta, which is made if there is none.
   *
   * @param path of the delta.
   * @throws {OutputError} if another process is at it, or it cannot be written.
   */
  static async open(path: string, plan: DeltaPlan): Promise<DeltaDraft> {
    const places = deltaPlaces(plan, path);
    const draft = await LockedFile.open(`${path}.unfinished`);
    // Of another plan it may be longer, and what is left of that would lie behind the delta.
    await draft.use(async (file) => {
      if ((await file.stat()).size > places.byteLength) await file.truncate(places.byteLength);
    });
    return new DeltaDraft(path, plan, draft, places);
  }

  /** Whether an entry is there with the bytes of a digest. */
  async holds(entry: string, digest: string): Promise<boolean> {
    const info = this.#places.entries.get(entry);
    if (!info) return false;
    const begin = this.#places.begins.get(entry)!;
    const hash = new Blake3();
    await this.#file.use(async (file) => {
      const { size } = await file.stat();
      const end = Math.min(size, begin + byteCount(info));
      for (let at = begin; at < end; at += AT_ONCE) {
        hash.update(await readStretch(file, at, Math.min(AT_ONCE, end - at)));
      }
    });
    return hash.digest() === digest;
  }

  /** A layer that was written. */
  async readLayer(name: string): Promise<CompressedLayer> {
    const form = this.plan.layers.get(name)!;
    const terms = form.terms.map((term) => ({ ...term, parts: {} as Record<string, RawTensor> }));
    for (const { entry, info, term, part } of layerParts(name, form)) {
      const begin = this.#places.begins.get(entry)!;
      const bytes = await this.#file.use((file) => readStretch(file, begin, byteCount(info)));
      terms[term].parts[part] = { ...info, bytes };
    }
    return { ...form, terms };
  }

  /** As of {@linkcode FileBeside}. */
  async write(write: (file: Deno.FsFile) => Promise<void>): Promise<void> {
    await this.#file.use(write);
  }

  /** Puts the file in its place. */
  async move(): Promise<void> {
    await this.#file.moveTo(this.path);
  }

  /** Removes it. */
  async remove(): Promise<void> {
    await this.#file.remove();
  }

  /** Lets go of it: it stays for the next run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }
}
