/**
 * The folder of a checkpoint: whether there is one, what its model is called, and what its configuration says.
 * What else it holds is `checkpoint.ts`.
 */

import { existsSync, realpathSync } from "node:fs";
import { basename, join, resolve, sep } from "node:path";
import { CheckpointError, ConfigError } from "../util/errors.ts";
import { fileFault } from "../util/file_fault.ts";
import { readJsonFile } from "../util/json_file.ts";
import { isTaken } from "../util/regular_file.ts";
import { COMMIT } from "./hub/cache.ts";
import { formatHubName, isHubName, parseHubName } from "./hub/hub_name.ts";
import { CONFIG_FILE, type DecoderConfig, parseConfig } from "./config.ts";
import { withEndTokens } from "./end_tokens.ts";

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
      ? `${expected}; a model of the Hugging Face Hub is named hf:${path}`
      : expected,
  });
}

/**
 * The configuration of the model in a folder, which stops where its settings of generation say, if they can be read.
 *
 * @throws {CheckpointError} if there is no such folder, or something in it changes the model's weights.
 * @throws {ConfigError} if `config.json` is missing, malformed or of an unsupported architecture.
 */
export async function readConfig(directory: string): Promise<DecoderConfig> {
  await checkFolder(directory);
  await checkNoAdapter(directory);
  const path = join(directory, "config.json");
  const { json } = await readJsonFile(path, ConfigError, CONFIG_FILE);
  return await withEndTokens(parseConfig(json, path), directory);
}

/**
 * Checks that nothing changes the weights of a folder when transformers loads it, as an adapter does.
 *
 * @throws {CheckpointError} if there is one.
 */
async function checkNoAdapter(directory: string): Promise<void> {
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
 * `models--org--name/snapshots/<commit>`, which is `org/name`, also by a link to its `snapshots`; of a name on
 * the Hub, `org/name` too.
 *
 * Layout of the cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export function modelName(directory: string): string {
  if (isHubName(directory)) {
    const { repository, path } = parseHubName(directory, "model");
    return path === "" ? repository : `${repository}/${path}`;
  }
  const at = snapshotOf(directory);
  return at === null ? basename(resolve(directory)) : [at.repository, ...at.path].join("/");
}

/** Where a snapshot in a Hugging Face cache comes from: `hf:org/name@commit`; `null` for any other folder. */
export function hubOrigin(directory: string): string | null {
  const at = snapshotOf(directory);
  if (at === null || !COMMIT.test(at.commit)) return null;
  return formatHubName({
    repository: at.repository,
    revision: at.commit,
    path: at.path.join("/"),
  });
}

interface Snapshot {
  readonly repository: string;
  readonly commit: string;
  readonly path: readonly string[];
}

function snapshotOf(directory: string): Snapshot | null {
  const path = resolve(directory);
  const isCommit = COMMIT.test(basename(path));
  return snapshotAt(path) ?? (isCommit && existsSync(path) ? snapshotAt(realpathSync(path)) : null);
}

function snapshotAt(path: string): Snapshot | null {
  const parts = path.split(sep);
  const at = parts.findLastIndex((part, index) =>
    /^models--./.test(part) && parts[index + 1] === "snapshots" && parts.length > index + 2
  );
  if (at < 0) return null;
  const [commit, ...inside] = parts.slice(at + 2);
  const repository = parts[at].split("--").slice(1).join("/");
  return { repository, commit, path: inside };
}
