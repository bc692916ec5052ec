/**
 * The folder of a checkpoint: whether there is one, and what its model is called. What it holds is
 * `checkpoint.ts`.
 */

import { existsSync, realpathSync } from "node:fs";
import { basename, join, resolve, sep } from "node:path";
import { CheckpointError } from "../util/errors.ts";
import { fileFault } from "../util/file_fault.ts";
import { isTaken } from "../util/regular_file.ts";

/** A model's name on the Hugging Face Hub, which also is a relative path. */
const HUB_NAME = /^[\w.-]+\/[\w.-]+$/;

/** @throws {CheckpointError} if there is nothing at the path, no folder, or what cannot be looked at. */
export async function checkFolder(path: string): Promise<void> {
  const expected =
    "the folder of a checkpoint, with config.json and weights in safetensors or PyTorch files";
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

/**
 * Checks that nothing changes the weights of a folder when transformers loads it, as an adapter does.
 *
 * @throws {CheckpointError} if there is one.
 */
export async function checkNoAdapter(directory: string): Promise<void> {
  const path = join(directory, "adapter_config.json");
  if (!await isTaken(path)) return;
  throw new CheckpointError({
    problem: "adds an adapter to a model, which is not supported",
    file: path,
    expected: "a checkpoint that the adapter is merged into, without this file",
  });
}

/**
 * The name of the model in a folder: the folder's own, but for a snapshot in a Hugging Face cache,
 * `models--org--name/snapshots/<commit>`, which is `org/name`, also by a link to its `snapshots`.
 *
 * Layout of the cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export function modelName(directory: string): string {
  const path = resolve(directory);
  const isCommit = /^[0-9a-f]{40}$/.test(basename(path));
  return repositoryOf(path) ??
    (isCommit && existsSync(path) ? repositoryOf(realpathSync(path)) : null) ?? basename(path);
}

function repositoryOf(path: string): string | null {
  const parts = path.split(sep);
  const at = parts.findLastIndex((part, index) =>
    /^models--./.test(part) && parts[index + 1] === "snapshots" && parts.length > index + 2
  );
  if (at < 0) return null;
  return [...parts[at].split("--").slice(1), ...parts.slice(at + 3)].join("/");
}
