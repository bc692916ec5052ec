/**
 * A one-bit delta in memory: what must be added to a base to come near its fine-tune.
 *
 * `W_fine ≈ W_base + scale · S` for each linear layer, with `S = ±1` packed one bit a weight; every other
 * tensor is the fine-tune's own. The masks are data: nothing here assumes that they are `sign(Δ)`.
 * Not here: how a delta is made, stored or applied.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import { DeltaError } from "../util/errors.ts";

/** The delta of one linear layer. */
export interface MaskedLayer {
  /** `[out, in]` of the weight matrix. */
  readonly shape: LinearShape;
  /** Packed signs `[ceil(in / 32), out]`: bit k of word (w, o) is 1 where `S[o, 32w + k] = +1`. */
  readonly mask: Int32Array;
  /** The factor on the signs; a 32-bit float's value, so that storing it changes nothing. */
  readonly scale: number;
}

/** Where a delta comes from. */
export interface DeltaMetadata {
  /** How the scales were found: `"initial"`, `"distilled"` …; `"unknown"` in a file that does not say. */
  readonly method: string;
  /** Settings of the method. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** `Checkpoint.hash()` of the base and of the fine-tune, `null` where unknown. */
  readonly baseHash: string | null;
  /** Hash of the fine-tune's weights; `null` where it is not known. */
  readonly fineHash: string | null;
  /** Version of the file format, `null` for a file of the study's own code. */
  readonly version: number | null;
}

/** A one-bit delta of a whole model. */
export interface Delta {
  /** By name without `.weight`, in the order of the forward pass. */
  readonly layers: ReadonlyMap<string, MaskedLayer>;
  /** Tensors kept whole from the fine-tune, by their names in the checkpoint. */
  readonly whole: ReadonlyMap<string, RawTensor>;
  /** What it was made from, and how. */
  readonly metadata: DeltaMetadata;
}

/**
 * The same masks and whole tensors with other scales.
 *
 * @param scales one for each layer, rounded here to 32-bit floats.
 * @param metadata what changes with them.
 * @throws {DeltaError} if a scale is missing or not finite.
 */
export function withScales(
  delta: Delta,
  scales: ReadonlyMap<string, number>,
  metadata: Partial<DeltaMetadata>,
): Delta {
  const layers = new Map<string, MaskedLayer>();
  for (const [name, layer] of delta.layers) {
    const scale = scales.get(name);
    if (scale === undefined || !Number.isFinite(Math.fround(scale))) {
      throw new DeltaError({
        problem: "has no usable scale",
        tensor: name,
        value: String(scale),
        expected: "a finite 32-bit float for each layer of the delta",
      });
    }
    layers.set(name, { ...layer, scale: Math.fround(scale) });
  }
  return { ...delta, layers, metadata: { ...delta.metadata, ...metadata } };
}

/** Bytes that a delta takes in a file, its header left out: masks, one float32 a scale, whole tensors. */
export function deltaBytes(delta: Delta): number {
  let bytes = 0;
  for (const { mask } of delta.layers.values()) bytes += mask.byteLength + 4;
  for (const { bytes: whole } of delta.whole.values()) bytes += whole.byteLength;
  return bytes;
}
