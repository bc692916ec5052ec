/**
 * Delta files: one safetensors file a delta, with the names of the study's own code.
 *
 * `<layer>.mask` I32 `[ceil(in / 32), out]`, `<layer>.coeff` F32 `[]`, and the whole tensors under their
 * names in the checkpoint and in their own types. The header's metadata says what the file is: `format`,
 * `version`, `library`, `method`, `settings` (JSON), `base_hash`, `fine_hash`, and `widths` (JSON: `in`
 * of the layers where it is not 32 times the mask's words). A file without metadata, as the study
 * writes it, is read too. Not here: a pickled `diff.pt`.
 */

import * as v from "valibot";
import project from "../../deno.json" with { type: "json" };
import { SafetensorsFile, writeSafetensors } from "../checkpoint/safetensors.ts";
import { firstIssue } from "../checkpoint/schema_issue.ts";
import { isFloatType, type RawTensor, toFloat32 } from "../checkpoint/tensor.ts";
import { compareLinearLayers } from "../checkpoint/weights.ts";
import { DeltaError } from "../errors.ts";
import type { Delta, DeltaMetadata, MaskedLayer } from "./delta.ts";
import { wordsPerRow } from "./signs.ts";

/** Version of the format that this library writes, and the highest that it reads. */
export const FORMAT_VERSION = 1;

const FORMAT = "one-bit-delta";
const MASK = ".mask";
const SCALE = ".coeff";

/**
 * Writes a delta, atomically.
 *
 * @throws {OutputError} if the file cannot be written; nothing is left behind.
 */
export async function writeDelta(path: string, delta: Delta): Promise<void> {
  const tensors: ({ name: string } & RawTensor)[] = [];
  const widths: Record<string, number> = {};
  for (const [layer, { shape: [outSize, inSize], mask, scale }] of delta.layers) {
    const words = wordsPerRow(inSize);
    if (inSize !== 32 * words) widths[layer] = inSize;
    const bytes = new Uint8Array(mask.buffer, mask.byteOffset, mask.byteLength);
    tensors.push({ name: layer + MASK, dtype: "I32", shape: [words, outSize], bytes });
    const scaleBytes = new Uint8Array(Float32Array.of(scale).buffer);
    tensors.push({ name: layer + SCALE, dtype: "F32", shape: [], bytes: scaleBytes });
  }
  for (const [name, tensor] of delta.whole) tensors.push({ name, ...tensor });
  const { method, settings, baseHash, fineHash } = delta.metadata;
  await writeSafetensors(path, tensors, {
    format: FORMAT,
    version: String(FORMAT_VERSION),
    library: project.version,
    method,
    settings: JSON.stringify(settings),
    ...(baseHash === null ? {} : { base_hash: baseHash }),
    ...(fineHash === null ? {} : { fine_hash: fineHash }),
    widths: JSON.stringify(widths),
  });
}

/**
 * Reads a delta, also one that the study's own code saved: method `"unknown"`, hashes `null`, and every
 * `in` taken for a multiple of 32.
 *
 * @throws {SafetensorsError} if the file is not a safetensors file.
 * @throws {DeltaError} if it is not a delta, of a newer version, or a layer is malformed.
 */
export async function readDelta(path: string): Promise<Delta> {
  using file = await SafetensorsFile.open(path);
  const { widths, ...metadata } = parseMetadata(file);
  const layers = new Map<string, MaskedLayer>();
  const whole = new Map<string, RawTensor>();
  const names = [...file.tensors.keys(), ...file.unreadable.keys()];
  const isMask = (name: string) => name.endsWith(MASK);
  const masked = names.filter(isMask).map((name) => name.slice(0, -MASK.length));
  for (const layer of masked.sort(compareLinearLayers)) {
    layers.set(layer, await readLayer(file, layer, widths[layer]));
  }
  for (const name of names.filter((name) => !isMask(name))) {
    if (!name.endsWith(SCALE)) whole.set(name, await file.read(name));
    else if (!layers.has(name.slice(0, -SCALE.length))) {
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
  return { layers, whole, metadata };
}

async function readLayer(
  file: SafetensorsFile,
  layer: string,
  width: number | undefined,
): Promise<MaskedLayer> {
  const mask = await file.read(layer + MASK);
  if (mask.dtype !== "I32" || mask.shape.length !== 2) {
    throw malformed(file, layer + MASK, "I32 of shape [ceil(in / 32), out]");
  }
  const [words, outSize] = mask.shape;
  const inSize = width ?? 32 * words;
  if (wordsPerRow(inSize) !== words) {
    throw malformed(file, layer + MASK, `${wordsPerRow(inSize)} words for its width ${inSize}`);
  }
  const name = layer + SCALE;
  if (!file.tensors.has(name)) throw malformed(file, layer + MASK, `'${name}' beside it`);
  const tensor = await file.read(name);
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
