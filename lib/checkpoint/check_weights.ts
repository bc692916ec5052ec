/** Whether files of weights hold what a configuration says, from their headers. Not here: values. */

import { CheckpointError } from "../util/errors.ts";
import type { DecoderConfig } from "./config.ts";
import type { OpenWeights } from "./shards.ts";
import { isFloatType } from "./tensor.ts";
import type { TensorFile } from "./tensor_file.ts";
import { checkUnused } from "./unused_tensors.ts";
import { eachTensorName, HEAD, storedTensor, tensorShape } from "./weights.ts";

/**
 * Checks that every tensor of a configuration is there in its shape, and nothing beside that would change the
 * model.
 *
 * @param place the folder, for errors.
 * @throws {CheckpointError} naming the first tensor at fault.
 * @throws {TensorFileError} if one is of a type that is not known.
 */
export async function checkWeights(
  config: DecoderConfig,
  weights: OpenWeights,
  place: string,
): Promise<void> {
  const needed = new Set<string>();
  for (const tensor of eachTensorName(config)) {
    checkTensor(config, tensor, fileOfTensor(config, weights, tensor, place));
    needed.add(tensor);
  }
  await checkUnused(weights, config, needed);
}

/**
 * The file of a tensor.
 *
 * @throws {CheckpointError} if there is no such tensor.
 */
export function fileOfTensor(
  config: DecoderConfig,
  { fileOf }: OpenWeights,
  tensor: string,
  place: string,
): TensorFile {
  const file = fileOf.get(storedTensor(config, tensor));
  if (file) return file;
  throw new CheckpointError({
    problem: "is missing",
    file: place,
    tensor,
    expected: tensor === HEAD
      ? "a head of its own, or tie_word_embeddings: true in config.json"
      : `each tensor of a ${config.architecture} with ${config.layerCount} layers`,
  });
}

function checkTensor(config: DecoderConfig, tensor: string, file: TensorFile): void {
  const { dtype, shape } = file.place(storedTensor(config, tensor));
  const expected = tensorShape(config, tensor);
  if (shape.length !== expected.length || shape.some((side, axis) => side !== expected[axis])) {
    throw new CheckpointError({
      problem: "has another shape than config.json says",
      file: file.path,
      tensor,
      value: shape,
      expected: `[${expected.join(", ")}]`,
    });
  }
  if (!isFloatType(dtype)) {
    throw new CheckpointError({
      problem: "has a dtype that weights cannot have",
      file: file.path,
      tensor,
      value: dtype,
      expected: "F32, F16 or BF16",
    });
  }
}
