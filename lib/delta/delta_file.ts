/**
 * Delta files: one safetensors file a delta, with the names of the study's own code.
 *
 * `<layer>.mask` I32 `[ceil(in / 32), out]`, `<layer>.coeff` F32 `[]`, and the whole tensors under their
 * names in the checkpoint and in their own types. The header's metadata says what the file is: `format`,
 * `version`, `library`, `method`, `settings` (JSON), `base_hash`, `fine_hash`, `widths` (JSON: `in` of
 * the layers where it is not 32 times the mask's words), and `digest`, over all of the file's content. A
 * file of version 1, without a digest, or without metadata, as the study writes it, is read too. Not
 * here: a pickled `diff.pt`.
 */

import * as v from "valibot";
import project from "../../deno.json" with { type: "json" };
import { contentDigest, DIGEST } from "../checkpoint/content_digest.ts";
import { SafetensorsFile, writeSafetensors } from "../checkpoint/safetensors.ts";
import { firstIssue } from "../util/json_file.ts";
import { isFloatType, type RawTensor, toFloat32 } from "../checkpoint/tensor.ts";
import { firstNotFinite } from "../checkpoint/not_finite.ts";
import { compareLinearLayers } from "../checkpoint/weights.ts";
import { DeltaError } from "../util/errors.ts";
import type { Delta, DeltaMetadata, MaskedLayer } from "./delta.ts";
import { wordsPerRow } from "../codecs/signs.ts";

/** Version of the format that this library writes, and the highest that it reads. */
export const FORMAT_VERSION = 2;
/** The first that has a digest. */
const DIGESTED_SINCE = 2;

/** What the header of a delta file says that it is. */
export const FORMAT = "one-bit-delta";
const MASK = ".mask";
const SCALE = ".coeff";

/**
 * Writes a delta, atomically.
 *
 * @returns the digest that the file carries, in hex.
 * @throws {OutputError} if the file cannot be written; nothing is left behind.
 */
export async function writeDelta(path: string, delta: Delta): Promise<string> {
  const tensors = new Map<string, RawTensor>();
  const widths: Record<string, number> = {};
  for (const [layer, { shape: [outSize, inSize], mask, scale }] of delta.layers) {
    const words = wordsPerRow(inSize);
    if (inSize !== 32 * words) widths[layer] = inSize;
    const bytes = new Uint8Array(mask.buffer, mask.byteOffset, mask.byteLength);
    tensors.set(layer + MASK, { dtype: "I32", shape: [words, outSize], bytes });
    const scaleBytes = new Uint8Array(Float32Array.of(scale).buffer);
    tensors.set(layer + SCALE, { dtype: "F32", shape: [], bytes: scaleBytes });
  }
  for (const [name, tensor] of delta.whole) tensors.set(name, tensor);
  const { method, settings, baseHash, fineHash } = delta.metadata;
  const metadata = {
    format: FORMAT,
    version: String(FORMAT_VERSION),
    library: project.version,
    method,
    settings: JSON.stringify(settings),
    ...(baseHash === null ? {} : { base_hash: baseHash }),
    ...(fineHash === null ? {} : { fine_hash: fineHash }),
    widths: JSON.stringify(widths),
  };
  const digest = contentDigest(metadata, tensors);
  const named = [...tensors].map(([name, tensor]) => ({ name, ...tensor }));
  await writeSafetensors(path, named, { ...metadata, [DIGEST]: digest });
  return digest;
}

/** A delta, and what is known of its file. */
export interface DeltaFile {
  /** What the file holds. */
  readonly delta: Delta;
  /** The digest that its content was checked against; `null` for a file from before there were any. */
  readonly digest: string | null;
}

/**
 * Reads a delta, also one that the study's own code saved: method `"unknown"`, hashes `null`, and every
 * `in` taken for a multiple of 32.
 *
 * @throws {SafetensorsError} if the file is not a safetensors file.
 * @throws {DeltaError} if it is not a delta, of a newer version, not as it was written, or a tensor is
 * malformed or not finite.
 */
export async function readDelta(path: string): Promise<Delta> {
  return (await readDeltaFile(path)).delta;
}

/**
 * {@linkcode readDelta}, with the digest of the file.
 *
 * @throws as {@linkcode readDelta}.
 */
export async function readDeltaFile(path: string): Promise<DeltaFile> {
  using file = await SafetensorsFile.open(path);
  const { widths, ...metadata } = parseMetadata(file);
  const tensors = new Map<string, RawTensor>();
  for (const name of [...file.tensors.keys(), ...file.unreadable.keys()]) {
    tensors.set(name, await file.read(name));
  }
  const digest = checkDigest(file, metadata.version, tensors);
  const layers = new Map<string, MaskedLayer>();
  const whole = new Map<string, RawTensor>();
  const names = [...tensors.keys()];
  const isMask = (name: string) => name.endsWith(MASK);
  const masked = names.filter(isMask).map((name) => name.slice(0, -MASK.length));
  for (const layer of masked.sort(compareLinearLayers)) {
    layers.set(layer, parseLayer(file, tensors, layer, widths[layer]));
  }
  for (const [name, tensor] of tensors) {
    if (isMask(name)) continue;
    const layer = name.replace(/\.(coeff|weight)$/, "");
    if (!name.endsWith(SCALE)) {
      if (layers.has(layer)) throw malformed(file, name, `nothing whole beside '${layer + MASK}'`);
      checkFinite(file, name, tensor);
      whole.set(name, tensor);
    } else if (!layers.has(layer)) {
      throw malformed(file, name, "a mask beside it");
    }
  }
  if (layers.size === 0) {
    throw new DeltaError({
      problem: "holds no masks",
      file: path,
      value: names.slice(0, 3),
      expected: `a delta, with tensors '<layer>${MASK}'`,
    });
  }
  return { delta: { layers, whole, metadata }, digest };
}

/** The digest of a file that carries one, once it has been found right. */
function checkDigest(
  file: SafetensorsFile,
  version: number | null,
  tensors: ReadonlyMap<string, RawTensor>,
): string | null {
  const digest = file.metadata[DIGEST];
  if (digest === undefined && (version ?? 0) < DIGESTED_SINCE) return null;
  const found = contentDigest(file.metadata, tensors);
  if (digest === found) return digest;
  throw new DeltaError({
    problem: digest === undefined ? "has no digest" : "is not as it was written",
    file: file.path,
    option: DIGEST,
    value: found,
    expected: `${digest ?? "the digest of a delta of this version"}; make or fetch the delta again`,
  });
}

function parseLayer(
  file: SafetensorsFile,
  tensors: ReadonlyMap<string, RawTensor>,
  layer: string,
  width: number | undefined,
): MaskedLayer {
  const mask = tensors.get(layer + MASK)!;
  if (mask.dtype !== "I32" || mask.shape.length !== 2) {
    throw malformed(file, layer + MASK, "I32 of shape [ceil(in / 32), out]");
  }
  const [words, outSize] = mask.shape;
  const inSize = width ?? 32 * words;
  if (wordsPerRow(inSize) !== words) {
    throw malformed(file, layer + MASK, `${wordsPerRow(inSize)} words for its width ${inSize}`);
  }
  const name = layer + SCALE;
  const tensor = tensors.get(name);
  if (!tensor) throw malformed(file, layer + MASK, `'${name}' beside it`);
  const scale = isFloatType(tensor.dtype) ? toFloat32(tensor) : new Float32Array();
  if (scale.length !== 1 || !Number.isFinite(scale[0])) {
    throw malformed(file, name, "one finite float", [...scale.subarray(0, 3)]);
  }
  return {
    shape: [outSize, inSize],
    mask: new Int32Array(mask.bytes.buffer as ArrayBuffer, mask.bytes.byteOffset, words * outSize),
    scale: scale[0],
  };
}

/** Tensors that are no floats are for those to refuse who know what the tensor is. */
function checkFinite(file: SafetensorsFile, name: string, tensor: RawTensor): void {
  if (!isFloatType(tensor.dtype)) return;
  const values = toFloat32(tensor);
  const index = firstNotFinite(values);
  if (index < 0) return;
  throw malformed(file, name, "finite weights", `${values[index]} as element ${index}`);
}

function malformed(
  file: SafetensorsFile,
  tensor: string,
  expected: string,
  value?: unknown,
): DeltaError {
  const { dtype, shape } = file.tensors.get(tensor)!;
  value ??= `${dtype} of shape [${shape}]`;
  return new DeltaError({
    problem: "does not fit a delta",
    file: file.path,
    tensor,
    value,
    expected,
  });
}

/** A field of the header's metadata that holds JSON. */
function jsonField<T extends v.GenericSchema>(schema: T) {
  return v.pipe(v.optional(v.string(), "{}"), v.parseJson(), schema);
}

const metadataSchema = v.object({
  format: v.literal(FORMAT),
  version: v.pipe(v.string(), v.toNumber(), v.integer(), v.minValue(1), v.maxValue(FORMAT_VERSION)),
  method: v.string(),
  settings: jsonField(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]))),
  widths: jsonField(v.record(v.string(), v.pipe(v.number(), v.integer(), v.minValue(1)))),
  base_hash: v.nullish(v.string(), null),
  fine_hash: v.nullish(v.string(), null),
});

function parseMetadata(file: SafetensorsFile): DeltaMetadata & { widths: Record<string, number> } {
  if (Object.keys(file.metadata).length === 0) {
    const nothing = { settings: {}, widths: {}, baseHash: null, fineHash: null, version: null };
    return { method: "unknown", ...nothing };
  }
  const result = v.safeParse(metadataSchema, file.metadata);
  if (!result.success) {
    const problem = "metadata cannot be used";
    throw new DeltaError({ problem, file: file.path, ...firstIssue(result.issues) });
  }
  const { base_hash: baseHash, fine_hash: fineHash, method, settings, version, widths } =
    result.output;
  return { method, settings, baseHash, fineHash, version, widths };
}
