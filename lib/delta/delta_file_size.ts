/**
 * The bytes of a delta's file by what they hold, to the byte: of a file that is there, or of one that is
 * planned and has no numbers yet.
 */

import { byteCount, elementCount, isFloatType, type TensorInfo } from "../checkpoint/tensor.ts";
import { type WholeKind, wholeKind } from "../checkpoint/tensor_kind.ts";
import { isTable } from "../checkpoint/weights.ts";
import { layerParts } from "../codecs/layer.ts";
import type { Delta } from "./delta.ts";
import type { DeltaPlan } from "./delta_writer.ts";
import { deltaPlaces } from "./planned_header.ts";

/** Bytes of a delta's file by what they hold; all but `total` sum to it. */
export interface DeltaFileBytes extends Readonly<Record<WholeKind, number>> {
  /** Parts of layers that are packed integers. */
  readonly masks: number;
  /** Parts of layers that are floats. */
  readonly scales: number;
  /** The header, with the 8 bytes that say how long it is. */
  readonly header: number;
  /** The file. */
  readonly total: number;
}

/** What a delta's file takes. */
export interface DeltaFileSize {
  /** Bytes by what they hold. */
  readonly bytes: DeltaFileBytes;
  /** Weights of its linear layers. */
  readonly weights: number;
  /** All numbers of the fine-tune that it stands for; a tied head counts once. */
  readonly parameters: number;
  /** Bits of masks and scales for each of `weights`. */
  readonly linearBits: number;
  /** Bits of the whole file for each of `parameters`. */
  readonly fileBits: number;
}

/**
 * What the file of a planned delta will take, to the byte, without its numbers.
 *
 * @throws {DeltaError} if two entries are of one name, or there are more than a header can name.
 *
 * @example
 * ```ts
 * import { deltaFileSize, type LayerForm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const terms = [{ codec: "signs", form: { scale: "scalar" } }];
 * const layers = new Map([["a", { shape: [32, 64], role: "delta", terms } satisfies LayerForm]]);
 * const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: 4 };
 * const { bytes, linearBits } = deltaFileSize({ layers, whole: new Map(), metadata });
 * assert.deepEqual([bytes.masks, bytes.scales], [32 * 64 / 8, 4]);
 * assert.equal(bytes.total, bytes.header + bytes.masks + bytes.scales);
 * assert.equal(linearBits, 1 + 32 / (32 * 64));
 * ```
 */
export function deltaFileSize(plan: DeltaPlan): DeltaFileSize {
  return sizeOf(plan, deltaPlaces(plan).headerLength, (_, info) => byteCount(info));
}

/**
 * {@linkcode DeltaFileSize} of a file.
 *
 * @param header its bytes, those that say how long it is included.
 * @param bytesOf an entry, which may lie in the file in another type than its layer's form says.
 */
export function sizeOf(
  { layers, whole }: Pick<Delta, "layers" | "whole">,
  header: number,
  bytesOf: (entry: string, info: TensorInfo) => number,
): DeltaFileSize {
  const bytes = {
    masks: 0,
    scales: 0,
    embeddings: 0,
    head: 0,
    norms: 0,
    biases: 0,
    other: 0,
    header,
  };
  let weights = 0;
  let parameters = 0;
  for (const [name, form] of layers) {
    const count = elementCount(form.shape);
    parameters += count;
    if (!isTable(name)) weights += count;
    for (const { entry, info } of layerParts(name, form)) {
      const kind = isTable(name) ? wholeKind(name) : isFloatType(info.dtype) ? "scales" : "masks";
      bytes[kind] += bytesOf(entry, info);
    }
  }
  for (const [name, info] of whole) {
    parameters += elementCount(info.shape);
    bytes[wholeKind(name)] += bytesOf(name, info);
  }
  const total = Object.values(bytes).reduce((sum, each) => sum + each, 0);
  return {
    bytes: { ...bytes, total },
    weights,
    parameters,
    linearBits: 8 * (bytes.masks + bytes.scales) / weights,
    fileBits: 8 * total / parameters,
  };
}
