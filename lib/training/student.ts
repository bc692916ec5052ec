/** The compressed model in training: the numbers of its graph's inputs, some of which change. */

import type { Delta } from "../delta/delta.ts";
import { compressedTensors, type ModelTensors } from "../model/model_tensors.ts";

/** Arrays that training changes, by the names of their inputs. */
export type TrainedArrays = ReadonlyMap<string, Float32Array>;

/** A compressed model of which some inputs are trained: these are fed as they stand, at each run. */
export class Student {
  readonly tensors: ModelTensors;

  constructor(base: ModelTensors, delta: Delta, readonly trained: TrainedArrays) {
    this.tensors = compressedTensors(base, delta);
  }
}
