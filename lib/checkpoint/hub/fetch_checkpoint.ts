/**
 * A checkpoint of the Hub as a folder: of a repository only what a model needs, its settings before its
 * weights. What the folder holds is checked where it is opened.
 */

import { join } from "node:path";
import { CheckpointError } from "../../util/errors.ts";
import { readJsonFile } from "../../util/json_file.ts";
import type { Watch } from "../../util/progress.ts";
import { CARRIED_NAMES, CARRIED_TEMPLATES } from "../carried_files.ts";
import { WEIGHT_FORMATS } from "../weight_format.ts";
import { CachedRepository } from "./cache.ts";
import { fetchFiles } from "./fetch_files.ts";
import { formatHubName, parseHubName } from "./hub_name.ts";
import { type HubRevision, openRevision } from "./revision.ts";
import { hubSettings } from "./settings.ts";

const CONFIG = "config.json";

/** Its presence changes a model, so that it is fetched to be refused. */
const ADAPTER = "adapter_config.json";

/** Weights in the order in which they are looked for: one file, or the index of several. */
const WEIGHTS = WEIGHT_FORMATS.flatMap(({ whole, index }) => [whole, index]);

/** Most bytes of an index; real ones take a tenth of a megabyte. */
const INDEX = { mostBytes: 2 ** 26, expected: '{"weight_map": {tensor: file in the same folder}}' };

/** A model of the Hub, all but its weights fetched. */
export interface FetchedSettings {
  readonly revision: HubRevision;
  /** Of its paths in the repository. */
  readonly prefix: string;
  /** The folder of `config.json`. */
  readonly folder: string;
}

/**
 * Fetches a model: its configuration, tokenizer and settings of generation, then its weights, safetensors
 * before torch's own files.
 *
 * @param text `hf:owner/name[@revision][/path]`.
 * @param checkSettings is given the folder before weights are fetched: what it refuses costs no gigabytes.
 * @returns the folder of `config.json`.
 * @throws {HubError} {OptionError} as {@linkcode openRevision} and {@linkcode fetchFiles}.
 * @throws {CheckpointError} if the repository holds no model that can be read here.
 */
export async function fetchCheckpoint(
  text: string,
  watch: Watch,
  checkSettings: (folder: string) => Promise<unknown>,
): Promise<string> {
  const settings = await fetchSettings(text, watch);
  const { revision, prefix, folder } = settings;
  await checkSettings(folder);
  const paths = await weightPaths(settings, watch);
  await fetchFiles(revision, paths.map((path) => prefix + path), watch);
  return folder;
}

/**
 * As {@linkcode fetchCheckpoint}, without weights.
 *
 * @throws {HubError} {OptionError} {CheckpointError} as there.
 */
export async function fetchSettings(text: string, watch: Watch): Promise<FetchedSettings> {
  const name = parseHubName(text, "model");
  const revision = await openRevision(name, watch);
  const prefix = name.path === "" ? "" : `${name.path}/`;
  const paths = new Set(revision.files.map(({ path }) => path));
  const has = (file: string) => paths.has(prefix + file);
  const shown = formatHubName(name);
  if (!has(CONFIG)) {
    throw new CheckpointError({
      problem: `holds no ${CONFIG}`,
      file: shown,
      expected: "a model in the layout of transformers",
    });
  }
  const settings = [CONFIG, ADAPTER, ...CARRIED_NAMES].filter(has).map((file) => prefix + file);
  const templates = [...paths].filter((path) =>
    path.startsWith(`${prefix}${CARRIED_TEMPLATES}/`) && path.endsWith(".jinja")
  );
  const folder = join(await fetchFiles(revision, [...settings, ...templates], watch), prefix);
  await noteAbsent(revision, [ADAPTER, "generation_config.json"], prefix);
  return { revision, prefix, folder };
}

/**
 * The files of a model's weights, the index of several fetched and not among them.
 *
 * @throws {CheckpointError} if there are none.
 */
export async function weightPaths(
  { revision, prefix, folder }: FetchedSettings,
  watch: Watch,
): Promise<string[]> {
  const shown = formatHubName({ ...revision, path: prefix.slice(0, -1) });
  const listed = new Set(revision.files.map(({ path }) => path));
  const weights = WEIGHTS.find((file) => listed.has(prefix + file));
  if (weights === undefined) {
    throw new CheckpointError({
      problem: "holds no weights",
      file: shown,
      expected: WEIGHTS.join(" or "),
    });
  }
  if (!weights.endsWith(".json")) return [weights];
  await fetchFiles(revision, [prefix + weights], watch);
  return await shardsIn(join(folder, weights), shown);
}

/** The shards that an index names; what is wrong with it else is for its reader to refuse. */
async function shardsIn(path: string, shown: string): Promise<string[]> {
  const { json } = await readJsonFile(path, CheckpointError, INDEX);
  const places = (json as { weight_map?: unknown } | null)?.weight_map ?? {};
  const shards = [...new Set(Object.values(places))];
  if (shards.length > 0 && shards.every((shard) => typeof shard === "string")) return shards;
  const problem = "has an index that names no files";
  throw new CheckpointError({ problem, file: shown, expected: INDEX.expected });
}

/** Keeps that files which are looked for are not there. */
async function noteAbsent(revision: HubRevision, files: string[], prefix: string): Promise<void> {
  const settings = await hubSettings();
  if (settings.offline !== null) return;
  const cached = new CachedRepository(settings, revision);
  const listed = new Set(revision.files.map(({ path }) => path));
  for (const path of files.map((file) => prefix + file)) {
    if (!listed.has(path)) await cached.noteAbsent(revision.commit, path);
  }
}
