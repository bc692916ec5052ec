/** Whether there is a folder where a checkpoint is said to be. What it holds is `checkpoint.ts`. */

import { CheckpointError } from "../util/errors.ts";
import { fileFault } from "../util/file_fault.ts";

/** A model's name on the Hugging Face Hub, which also is a relative path. */
const HUB_NAME = /^[\w.-]+\/[\w.-]+$/;

/** @throws {CheckpointError} if there is nothing at the path, no folder, or what cannot be looked at. */
export async function checkFolder(path: string): Promise<void> {
  const expected = "the folder of a checkpoint, with config.json and weights in safetensors files";
  const stat = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error.code === "ENOTDIR") return null;
    const fault = fileFault(error, expected);
    throw new CheckpointError({ problem: "cannot be read", file: path, ...fault });
  });
  if (stat?.isDirectory) return;
  if (stat) throw new CheckpointError({ problem: "is no folder", file: path, expected });
  throw new CheckpointError({
    problem: "there is no such folder",
    ...(path === "" ? { value: path } : { file: path }),
    expected: HUB_NAME.test(path)
      ? `${expected}; a model of the Hugging Face Hub has to be downloaded first`
      : expected,
  });
}
