/** Numbers that have left what 32-bit floats hold: where they are, and the weight to look at first. */

import { tensorNames, type WeightSource } from "./weights.ts";

/** Index of the first NaN or infinity; -1 if all are finite. */
export function firstNotFinite(values: Float32Array): number {
  let index = 0;
  while (index < values.length && Number.isFinite(values[index])) index++;
  return index < values.length ? index : -1;
}

/** Where a weight lies, and how large it is. */
export interface LargestWeight {
  /** Name of the model. */
  readonly model: string;
  /** Name of the tensor. */
  readonly tensor: string;
  /** |w|. */
  readonly magnitude: number;
}

/**
 * The weight of the largest magnitude in any of the models. Reads all of them: for the wording of an
 * error only.
 *
 * @throws what the models throw on reading.
 */
export async function largestWeight(models: readonly WeightSource[]): Promise<LargestWeight> {
  let largest: LargestWeight = { model: "", tensor: "", magnitude: -1 };
  for (const model of models) {
    for (const tensor of tensorNames(model.config)) {
      const values = await model.readFloat32(tensor);
      let magnitude = 0;
      for (let i = 0; i < values.length; i++) magnitude = Math.max(magnitude, Math.abs(values[i]));
      if (magnitude > largest.magnitude) largest = { model: model.name, tensor, magnitude };
    }
  }
  return largest;
}
