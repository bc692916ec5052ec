/** Whether there is a folder where a checkpoint is said to be. What it holds is `checkpoint.ts`. */

import { CheckpointError } from "../errors.ts";

/** A model's name on the Hugging Face Hub, which also is a relative path. */
const HUB_NAME = /^[\w.-]+\/[\w.-]+$/;

/** @throws {CheckpointError} if there is nothing at the path, or no folder. */
export async function checkFolder(path: string): Promise<void> {
  const stat = await Deno.stat(path).catch((error) => {
    // What else is refused, reading the folder says better.
    if (error instanceof Deno.errors.NotFound || error.code === "ENOTDIR") return null;
    throw error;
  });
  if (stat?.isDirectory) return;
  const expected = "the folder of a checkpoint, with config.json and weights in safetensors files";
  if (stat) throw new CheckpointError({ problem: "is a file", file: path, expected });
  throw new CheckpointError({
    problem: "there is no such folder",
    ...(path === "" ? { value: path } : { file: path }),
    expected: HUB_NAME.test(path)
      ? `${expected}; a model of the Hugging Face Hub has to be downloaded first`
      : expected,
  });
}
