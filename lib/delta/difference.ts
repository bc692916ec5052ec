/**
 * The delta itself, `Δ = W_fine − W_base`, as 32-bit floats.
 *
 * The study subtracts in the checkpoint's own type, so a delta of two bfloat16 matrices is a bfloat16
 * matrix. Not here: signs and scales, which `extract_layer.ts` finds without a matrix of floats.
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import {
  type FloatType,
  fromFloat32,
  type RawTensor,
  type TensorType,
  toFloat32,
} from "../checkpoint/tensor.ts";

/** The type that a difference is rounded to: the operands' own if they share one, else F32. */
export function differenceType(base: TensorType, fine: TensorType): FloatType {
  return base === fine ? base as FloatType : "F32";
}

/** Each value as the nearest one of `dtype`, ties to even. */
export function roundTo(values: Float32Array, dtype: FloatType): Float32Array {
  return toFloat32({ dtype, shape: [values.length], bytes: fromFloat32(values, dtype) });
}

/**
 * The difference of two weight matrices as they are stored, in the type that `differenceType` says.
 *
 * @returns Δ, `[out, in]`, row-major.
 */
export function differenceMatrix(base: RawTensor, fine: RawTensor): Float32Array {
  const [fineValues, baseValues] = [fine, base].map(toFloat32);
  const delta = new Float32Array(fineValues.length);
  for (let i = 0; i < delta.length; i++) delta[i] = fineValues[i] - baseValues[i];
  return roundTo(delta, differenceType(base.dtype, fine.dtype));
}

/**
 * Reads the delta of one linear layer.
 *
 * @param layer name without `.weight`.
 * @returns Δ, `[out, in]`, row-major.
 * @throws {CheckpointError} if a weight is missing, NaN or infinite.
 *
 * @example
 * ```ts
 * import { Checkpoint, linearShape, projectPath, readDeltaMatrix } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-assistant"));
 * const layer = "model.layers.0.mlp.up_proj";
 * const delta = await readDeltaMatrix(base, fine, layer);
 * const [outSize, inSize] = linearShape(base.config, layer);
 * assert.equal(delta.length, outSize * inSize);
 * ```
 */
export async function readDeltaMatrix(
  base: Checkpoint,
  fine: Checkpoint,
  layer: string,
): Promise<Float32Array> {
  const tensor = `${layer}.weight`;
  return differenceMatrix(await base.stored.read(tensor), await fine.stored.read(tensor));
}
