/**
 * Delta files of versions 1 and 2, and of the study's own code: packed signs with one scale a layer.
 *
 * `<layer>.mask` I32 `[ceil(in / 32), out]`, `<layer>.coeff` one float, and whole tensors. Version 2 has a
 * digest over all of the content, which is read once for it; a file of version 1 may have one. Not here:
 * writing the study's `diff.pt` (`study_diff.ts`).
 */

import { isDeepStrictEqual } from "node:util";
import { bytesDigest, DIGEST, streamedContentDigest } from "../checkpoint/content_digest.ts";
import type { TensorFile } from "../checkpoint/tensor_file.ts";
import {
  elementCount,
  float32Tensor,
  isFloatType,
  type RawTensor,
  type TensorInfo,
  toFloat32,
} from "../checkpoint/tensor.ts";
import { compareLinearLayers, EMBEDDING, HEAD } from "../checkpoint/weights.ts";
import type { LayerForm } from "../codecs/codec.ts";
import { scalarSigns, wordsPerRow } from "../codecs/signs.ts";
import { DeltaError } from "../util/errors.ts";
import { type DeltaMetadata, NO_FIT } from "./delta.ts";
import { type FileContents, notAsWritten, parseWidths } from "./delta_header.ts";

/** The first that has a digest. */
const DIGESTED_SINCE = 2;
const MASK = ".mask";
const SCALE = ".coeff";

/**
 * What a file of an old format holds.
 *
 * @throws {DeltaError} if it is not a delta, or not as it was written.
 */
export async function readOldFormat(
  file: TensorFile,
  metadata: DeltaMetadata,
): Promise<FileContents> {
  const widths = parseWidths(file);
  for (const name of file.unreadable.keys()) file.place(name);
  const digests = new Map<string, string>();
  const digest = await checkDigest(file, metadata.version, digests);
  const names = [...file.tensors.keys()];
  const masked = names.filter((name) => name.endsWith(MASK))
    .map((name) => name.slice(0, -MASK.length));
  const layers = new Map<string, LayerForm>();
  for (const layer of masked.sort(compareLinearLayers)) {
    layers.set(layer, parseLayer(file, layer, widths.get(layer)));
  }
  if (layers.size === 0) {
    throw new DeltaError({
      problem: "holds no masks",
      file: file.path,
      value: names.slice(0, 3),
      expected: `a delta, with tensors '<layer>${MASK}'`,
    });
  }
  const whole = new Map<string, TensorInfo>();
  for (const [name, { dtype, shape }] of file.tensors) {
    if (name.endsWith(MASK)) continue;
    if (!name.endsWith(SCALE)) whole.set(name, { dtype, shape });
    else if (!layers.has(name.slice(0, -SCALE.length))) {
      throw malformed(file, name, "a mask beside it");
    }
  }
  if (isTied(file)) whole.delete(HEAD);
  return {
    metadata,
    digest,
    layers,
    whole,
    async read(entry) {
      const { dtype } = file.place(entry);
      const wanted = { digest: false, finite: isFloatType(dtype) ? dtype : null };
      const { raw, notFinite } = await file.readScanned(entry, wanted);
      if (digests.has(entry)) checkUnchanged(file, entry, raw, digests.get(entry)!);
      // Some hold a scale in another type, or as a list of one.
      const tensor = entry.endsWith(SCALE) ? float32Tensor(toFloat32(raw), []) : raw;
      return { tensor, notFinite };
    },
  };
}

/** Whether the head is a view of the embedding, as files of PyTorch have it of tied models. */
function isTied(file: TensorFile): boolean {
  if (!file.tensors.has(HEAD) || !file.tensors.has(EMBEDDING)) return false;
  return isDeepStrictEqual(
    { ...file.place(HEAD), range: file.range(HEAD) },
    { ...file.place(EMBEDDING), range: file.range(EMBEDDING) },
  );
}

/**
 * The digest of a file that carries one, once it has been found right.
 *
 * @param digests takes that of each entry, for when it is read again.
 */
async function checkDigest(
  file: TensorFile,
  version: number | null,
  digests: Map<string, string>,
): Promise<string | null> {
  const digest = file.metadata[DIGEST];
  if (digest === undefined && (version ?? 0) < DIGESTED_SINCE) return null;
  const found = await streamedContentDigest(file.metadata, file.tensors.keys(), async (name) => {
    const tensor = await file.read(name);
    digests.set(name, bytesDigest(tensor.bytes));
    return tensor;
  });
  if (digest === found) return digest;
  throw notAsWritten(file, { option: DIGEST, value: found, digest });
}

function checkUnchanged(
  file: TensorFile,
  tensor: string,
  { bytes }: RawTensor,
  expected: string,
): void {
  const value = bytesDigest(bytes);
  if (value === expected) return;
  const problem = "has changed since the file was opened";
  throw new DeltaError({ problem, file: file.path, tensor, value, expected });
}

function parseLayer(file: TensorFile, layer: string, width: number | undefined): LayerForm {
  const mask = file.place(layer + MASK);
  if (mask.dtype !== "I32" || mask.shape.length !== 2) {
    throw malformed(file, layer + MASK, "I32 of shape [ceil(in / 32), out]");
  }
  const [words, outSize] = mask.shape;
  const inSize = width ?? 32 * words;
  if (wordsPerRow(inSize) !== words) {
    throw malformed(file, layer + MASK, `${wordsPerRow(inSize)} words for its width ${inSize}`);
  }
  const scale = file.tensors.get(layer + SCALE);
  if (!scale) throw malformed(file, layer + MASK, `'${layer + SCALE}' beside it`);
  if (!isFloatType(scale.dtype) || elementCount(scale.shape) !== 1) {
    throw malformed(file, layer + SCALE, "one finite float");
  }
  return { shape: [outSize, inSize], role: "delta", terms: [scalarSigns] };
}

function malformed(file: TensorFile, tensor: string, expected: string): DeltaError {
  const { dtype, shape } = file.place(tensor);
  return new DeltaError({
    problem: NO_FIT,
    file: file.path,
    tensor,
    value: `${dtype} of shape [${shape}]`,
    expected,
  });
}
