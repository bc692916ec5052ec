/** The formats that weights come in, by the names of their files in Hugging Face's layout. */

import { SafetensorsFile } from "./safetensors.ts";
import type { TensorFile } from "./tensor_file.ts";
import { TorchFile } from "./torch/torch_file.ts";

/** All weights in one safetensors file, and which shard holds which. */
export const WHOLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";

/** A format of weights. */
export interface WeightFormat {
  /** Name of a file that holds all of them. */
  readonly whole: string;
  /** Name of the file that says which shard holds which. */
  readonly index: string;
  /** @throws {TensorFileError} if it is missing, malformed or of another format. */
  readonly open: (path: string) => Promise<TensorFile>;
}

/** The first that a folder has counts, as in transformers. */
export const WEIGHT_FORMATS: readonly WeightFormat[] = [
  {
    whole: WHOLE,
    index: INDEX,
    open: (path) => SafetensorsFile.open(path),
  },
  {
    whole: "pytorch_model.bin",
    index: "pytorch_model.bin.index.json",
    open: (path) => TorchFile.open(path),
  },
];
