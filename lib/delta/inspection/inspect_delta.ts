/**
 * What a delta's file says of itself and what it takes: from its header and scales, without its masks. Not
 * here: how that is shown (`tables/inspection_tables.ts`), and its form as JSON (`schema.ts`).
 */

import { countTensors, type TensorCount } from "../../checkpoint/inspection/tensor_counts.ts";
import { elementCount } from "../../checkpoint/tensor.ts";
import { projectionOf } from "../../checkpoint/tensor_kind.ts";
import type { LinearShape } from "../../checkpoint/weights.ts";
import type { LayerForm } from "../../codecs/codec.ts";
import { formOf, layerParts } from "../../codecs/layer.ts";
import type { Watch } from "../../util/progress.ts";
import { type DeltaFile, openDelta } from "../delta_file.ts";
import { type DeltaFileSize, sizeOf } from "../delta_file_size.ts";
import { linearCount } from "../delta_size.ts";
import { inspectLayer, type LayerInspection } from "./inspect_layer.ts";
import { type ScaleRange, scaleRanges } from "./scale_range.ts";
import { type Verification, verifyDelta } from "./verify.ts";

/** How some layers are stored. */
export interface FormCount extends Omit<LayerForm, "shape"> {
  /** How many of them. */
  readonly layers: number;
}

/** The layers of one projection. */
export interface ProjectionInspection {
  /** Such as `mlp.up_proj`; a layer's own name where it is none of a decoder's. */
  readonly projection: string;
  /** How many layers. */
  readonly layers: number;
  /** Their shapes `[out, in]`, each once. */
  readonly shapes: readonly LinearShape[];
  /** How they are stored. */
  readonly forms: readonly FormCount[];
  /** Their weights. */
  readonly weights: number;
  /** Bytes of all of their parts. */
  readonly bytes: number;
  /** Bits of them for each weight. */
  readonly bits: number;
  /** Their scales, a part each. */
  readonly scales: readonly ScaleRange[];
}

/** What a delta's file is. */
export interface DeltaInspection {
  /** Which of the forms of an inspection this is. */
  readonly kind: "delta";
  /** The file. */
  readonly path: string;
  /** Version of the format; `null` for one that the study's code saved. */
  readonly version: number | null;
  /** Of all that is in it; `null` in a file from before there were any. */
  readonly digest: string | null;
  /** Hash of its base; `null` where the file does not say. */
  readonly baseHash: string | null;
  /** Hash of its fine-tune; `null` where the file does not say. */
  readonly fineHash: string | null;
  /** The method that found its numbers. */
  readonly method: string;
  /** Settings of the method. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** What else the header says of how it was made, such as the version of the library: texts as they stand. */
  readonly made: Readonly<Record<string, string>>;
  /** How many linear layers there are. */
  readonly layers: number;
  /** Its bytes, to the last one, and bits. */
  readonly size: DeltaFileSize;
  /** Linear layers by projection. */
  readonly projections: readonly ProjectionInspection[];
  /** Tensors that are the fine-tune's own. */
  readonly whole: readonly TensorCount[];
  /** The layer or whole tensor that was asked for. */
  readonly layer: LayerInspection | null;
  /** What reading every byte found; `null` if that was not asked for. */
  readonly verification: Verification | null;
}

/** What is looked at beside header and scales. */
export interface InspectionOptions extends Watch {
  /** A linear layer or a whole tensor to look at by itself. */
  readonly layer?: string;
  /** Whether every byte is read and held against its digest. */
  readonly verify?: boolean;
}

/** Fields that are said otherwise, or are as long as the list of layers. */
const SAID = [
  ...["format", "version", "method", "settings", "base_hash", "fine_hash", "digest"],
  ...["forms", "layers", "digests", "widths"],
];

/**
 * Looks at a delta's file.
 *
 * @throws as {@linkcode openDelta}, and {@linkcode DeltaError} if a scale is not as it was written, the layer
 * asked for is not there, or, where every byte is read, one has changed.
 *
 * @example
 * ```ts
 * import { inspectDelta, Pair, projectPath, writeDelta } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeDelta(path, await pair.extract());
 * const { method, size } = await inspectDelta(path);
 * assert.equal(method, "initial");
 * assert.equal(size.bytes.total, (await Deno.stat(path)).size);
 * await Deno.remove(path);
 * ```
 */
export async function inspectDelta(
  path: string,
  options: InspectionOptions = {},
): Promise<DeltaInspection> {
  const { size: fileBytes } = await Deno.stat(path).catch(() => ({ size: 0 }));
  using file = await openDelta(path);
  const { metadata, digest, header } = file;
  const verification = options.verify ? await verifyDelta(file, options) : null;
  return {
    kind: "delta",
    path,
    version: metadata.version,
    digest,
    baseHash: metadata.baseHash,
    fineHash: metadata.fineHash,
    method: metadata.method,
    settings: metadata.settings,
    made: Object.fromEntries(Object.entries(header).filter(([field]) => !SAID.includes(field))),
    layers: linearCount(file),
    size: fileSize(file, fileBytes),
    projections: await projections(file),
    whole: countTensors(file.whole),
    layer: options.layer === undefined ? null : await inspectLayer(file, options.layer),
    verification,
  };
}

/** What no entry takes is the header's, in whatever format. */
function fileSize(file: DeltaFile, fileBytes: number): DeltaFileSize {
  const bytesOf = (entry: string) => file.storedBytes(entry);
  const { bytes } = sizeOf(file, 0, bytesOf);
  return sizeOf(file, fileBytes - bytes.total, bytesOf);
}

async function projections(file: DeltaFile): Promise<ProjectionInspection[]> {
  const groups = new Map<string, string[]>();
  for (const name of file.layers.keys()) {
    const projection = projectionOf(name) ?? name;
    groups.set(projection, [...groups.get(projection) ?? [], name]);
  }
  return await Promise.all([...groups].map(async ([projection, names]) => {
    const forms = names.map((name) => file.layers.get(name)!);
    const weights = forms.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const bytes = names.flatMap((name, index) => layerParts(name, forms[index]))
      .reduce((sum, { entry }) => sum + file.storedBytes(entry), 0);
    return {
      projection,
      layers: names.length,
      shapes: [...new Map(forms.map(({ shape }) => [`${shape}`, shape])).values()],
      forms: countForms(forms),
      weights,
      bytes,
      bits: 8 * bytes / weights,
      scales: await scaleRanges(file, names),
    };
  }));
}

function countForms(layers: readonly LayerForm[]): FormCount[] {
  const counts = new Map<string, FormCount>();
  for (const layer of layers) {
    const { role, terms } = formOf(layer);
    const key = JSON.stringify([role, terms]);
    counts.set(key, { role, terms, layers: (counts.get(key)?.layers ?? 0) + 1 });
  }
  return [...counts.values()];
}
