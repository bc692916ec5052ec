/**
 * Layers on the disk on their way to a delta's file: where their sizes are known only when all are made, and so the
 * place of none before.
 */

import { byteCount, type RawTensor } from "../checkpoint/tensor.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CompressedLayer, LayerForm } from "../codecs/codec.ts";
import { layerParts } from "../codecs/layer.ts";
import type { DeltaMetadata } from "../delta/delta.ts";
import { type DeltaPlan, DeltaWriter } from "../delta/delta_writer.ts";
import type { Engine } from "../graph/engine.ts";
import { FileBeside, writeAll } from "../util/files.ts";
import { readStretch } from "../util/locked_file.ts";
import type { Watch } from "../util/progress.ts";
import { type ClosedFormRun, runClosedForm } from "./closed_form.ts";

/** A run of a method whose bytes depend on the weights. */
export interface MeasuredRun {
  readonly engine: Engine;
  readonly base: Checkpoint;
  readonly fine: Checkpoint;
  readonly run: ClosedFormRun;
  /** What the file tells, from what the run does. */
  readonly noted: (metadata: DeltaMetadata) => DeltaMetadata;
}

/**
 * Writes the delta of such a run: layers go beside the file until the bytes of all are known, and whole tensors are
 * read again then.
 *
 * @throws {OutputError} if the file cannot be written; nothing is left behind.
 */
export async function writeMeasured(
  path: string,
  { engine, base, fine, run, noted }: MeasuredRun,
  watch: Watch,
): Promise<void> {
  await using spooled = await SpooledLayers.open(path);
  const hashes = await runClosedForm(engine, base, fine, run, {
    layer: (name, layer) => spooled.write(name, layer),
    whole() {},
  }, watch);
  const metadata = noted({ ...run.plan.metadata, ...hashes });
  await spooled.moveInto(path, { ...run.plan, metadata }, fine, watch);
}

/** Disposing of it removes what it wrote. */
class SpooledLayers implements AsyncDisposable {
  readonly #forms = new Map<string, LayerForm>();
  readonly #begins = new Map<string, number>();
  #end = 0;

  private constructor(readonly file: FileBeside) {}

  /**
   * Begins a file beside another one.
   *
   * @throws {OutputError} if it cannot be written.
   */
  static async open(path: string): Promise<SpooledLayers> {
    return new SpooledLayers(await FileBeside.open(path));
  }

  /** Adds a layer. */
  async write(name: string, layer: CompressedLayer): Promise<void> {
    const { shape, role, terms } = layer;
    this.#forms.set(name, {
      shape,
      role,
      terms: terms.map(({ codec, form }) => ({ codec, form })),
    });
    this.#begins.set(name, this.#end);
    for (const { term, part } of layerParts(name, layer)) {
      const { bytes } = terms[term].parts[part];
      await this.file.write(async (file) => {
        await file.seek(this.#end, Deno.SeekMode.Start);
        await writeAll(file, bytes);
      });
      this.#end += bytes.length;
    }
  }

  /** A layer that was added. */
  async #read(name: string): Promise<CompressedLayer> {
    const form = this.#forms.get(name)!;
    const terms = form.terms.map((term) => ({ ...term, parts: {} as Record<string, RawTensor> }));
    let begin = this.#begins.get(name)!;
    for (const { info, term, part } of layerParts(name, form)) {
      let bytes: Uint8Array = new Uint8Array(0);
      await this.file.write(async (file) => {
        bytes = await readStretch(file, begin, byteCount(info));
      });
      terms[term].parts[part] = { ...info, bytes };
      begin += bytes.length;
    }
    return { ...form, terms };
  }

  /**
   * Writes the delta of these layers to its file.
   *
   * @param plan of the delta without them.
   * @param fine of which the whole tensors are read.
   * @throws as {@linkcode DeltaWriter}.
   */
  async moveInto(
    path: string,
    plan: DeltaPlan,
    fine: Checkpoint,
    { signal }: Watch,
  ): Promise<void> {
    await using writer = await DeltaWriter.open(path, { ...plan, layers: this.#forms });
    for (const name of this.#forms.keys()) {
      signal?.throwIfAborted();
      await writer.writeLayer(name, await this.#read(name));
    }
    for (const tensor of plan.whole.keys()) {
      signal?.throwIfAborted();
      await writer.writeWhole(tensor, await fine.readDigested(tensor));
    }
    await writer.finish();
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
  }
}
