/** The compressed model in training: the numbers of its graph's inputs, some of which change. */

import type { Delta } from "../delta/delta.ts";
import type { CompressedInputs } from "../model/compressed_linear.ts";
import { compressedTensors, type ModelTensors } from "../model/model_tensors.ts";
import type { Value } from "../graph/graph.ts";

/** Arrays that training changes, by the names of their inputs. */
export type TrainedArrays = ReadonlyMap<string, Float32Array>;

/** A compressed model of which some inputs are trained: these are fed as they stand, at each run. */
export class Student {
  readonly tensors: ModelTensors;

  constructor(base: ModelTensors, delta: Delta, readonly trained: TrainedArrays) {
    this.tensors = compressedTensors(base, delta);
  }
}

/** The value of a trained input: a scale or a tensor. */
export function trainedInput({ scale, parameters }: CompressedInputs, name: string): Value {
  return name.endsWith(".coeff") ? scale(name.slice(0, -".coeff".length)) : parameters(name);
}
