/** Opening a file of tensors of whichever format its first bytes say. */

import { TensorFileError } from "../util/errors.ts";
import { openForReading } from "./read_exactly.ts";
import { SafetensorsFile } from "./safetensors.ts";
import type { TensorFile } from "./tensor_file.ts";
import { isTorch, TorchFile } from "./torch/torch_file.ts";

/**
 * Opens a file of `torch.save` as that, and any other as a safetensors file, which no file of the former can be: it
 * would begin with the length of a header that none has.
 *
 * @throws {TensorFileError} if it cannot be opened, or is malformed.
 */
export async function openTensorFile(path: string): Promise<TensorFile> {
  return await startsAsTorch(path) ? await TorchFile.open(path) : await SafetensorsFile.open(path);
}

async function startsAsTorch(path: string): Promise<boolean> {
  // What cannot be opened is refused in the words of the format that is the rule.
  const isFile = await Deno.stat(path).then(({ isFile }) => isFile, () => false);
  if (!isFile) return false;
  using file = await openForReading(path, TensorFileError, "a readable file of tensors");
  const start = new Uint8Array(4);
  return await file.read(start) === start.length && isTorch(start);
}
