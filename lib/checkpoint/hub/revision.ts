/**
 * A repository at one commit: which it is and what files it has, asked of the Hub, or of the cache where the
 * Hub is not to be asked.
 */

import { HubError, HubFileError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { CachedRepository, COMMIT } from "./cache.ts";
import { formatHubName, type HubKind, type HubName } from "./hub_name.ts";
import { hubFetch } from "./hub_fetch.ts";
import { pageOf } from "./refusals.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

/** A file as it was listed. */
export interface HubFile {
  /** In the repository. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 of what is in Git LFS, git's SHA-1 of what is not; `null` of what the cache alone tells. */
  readonly digest: string | null;
}

/** A repository at a commit. */
export interface HubRevision {
  /** Which of the Hub's name spaces it is in. */
  readonly kind: HubKind;
  /** `owner/name`. */
  readonly repository: string;
  /** As it was named. */
  readonly revision: string;
  /** What it was when it was asked for: files come from this commit and no later one. */
  readonly commit: string;
  /** Files at or below the path that was named; without a network, those in the cache. */
  readonly files: readonly HubFile[];
}

/** Most files of a listing: more are no repository that anything here reads. */
const MOST_FILES = 1_000_000;

/**
 * Asks which commit a revision is, and what files it has.
 *
 * @throws {HubError} if there is no such repository or revision, or if it may not be read.
 * @throws {HubFileError} if it has no such path, or if the Hub may not be asked and it is not in the cache.
 *
 * @example
 * ```ts
 * import { HubError, openRevision, parseHubName, useHub } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using _ = useHub({ cache: await Deno.makeTempDir(), offline: "HF_HUB_OFFLINE" });
 * const name = parseHubName("hf:owner/never-fetched", "model");
 * await assert.rejects(openRevision(name), HubError);
 * ```
 */
export async function openRevision(name: HubName, watch: Watch = {}): Promise<HubRevision> {
  const settings = await hubSettings();
  if (settings.offline !== null) return await cachedRevision(name, settings);
  try {
    return await askedRevision(name, settings, watch);
  } catch (error) {
    watch.signal?.throwIfAborted();
    // What the package makes of an answer of another form than it takes for granted.
    const isMisread = error instanceof TypeError || (error as Error)?.constructor === Error;
    throw isMisread ? strange(name, "is answered for in a way that cannot be read") : error;
  }
}

/** What provenance says of a revision: `hf:owner/name@commit`. */
export function revisionName({ repository, commit }: HubRevision): string {
  return formatHubName({ repository, revision: commit, path: "" });
}

async function askedRevision(
  name: HubName,
  settings: HubSettings,
  watch: Watch,
): Promise<HubRevision> {
  const { kind, repository, revision, path } = name;
  const hub = await import("@huggingface/hub");
  const common = {
    hubUrl: settings.endpoint,
    fetch: hubFetch(settings, name, watch.signal),
  };
  const asked = { ...common, name: repository, revision };
  const { sha: commit } = kind === "model"
    ? await hub.modelInfo({ ...asked, additionalFields: ["sha"] })
    : await hub.datasetInfo({ ...asked, additionalFields: ["sha"] });
  if (typeof commit !== "string" || !COMMIT.test(commit)) {
    throw strange(name, "names no commit", commit);
  }
  const repo = { type: kind, name: repository };
  const at = { ...common, repo, revision: commit };
  const files: HubFile[] = [];
  const folders: (string | undefined)[] = [];
  if (path === "") folders.push(undefined);
  else {
    const [entry] = await hub.pathsInfo({ ...at, paths: [path] });
    if (entry?.type === "directory") folders.push(path);
    else if (entry?.type === "file") files.push(fileOf(name, entry));
    else {
      throw new HubFileError({
        problem: "there is no such file or folder",
        file: formatHubName(name),
        expected: `a path that ${pageOf(settings, name)} lists`,
      });
    }
  }
  for (const folder of folders) {
    for await (const entry of hub.listFiles({ ...at, path: folder, recursive: true })) {
      if (entry?.type === "directory") continue;
      files.push(fileOf(name, entry));
      if (files.length > MOST_FILES) throw strange(name, "lists too many files", files.length);
    }
  }
  return { kind, repository, revision, commit, files };
}

/** An entry of a listing, checked. */
function fileOf(name: HubName, entry: unknown): HubFile {
  const { path, size, oid, lfs } = (entry ?? {}) as {
    readonly path?: unknown;
    readonly size?: unknown;
    readonly oid?: unknown;
    readonly lfs?: { readonly oid?: unknown; readonly size?: unknown } | null;
  };
  const digest = lfs ? lfs.oid : oid;
  const bytes = lfs ? lfs.size : size;
  const isDigest = typeof digest === "string" &&
    (lfs ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/).test(digest);
  if (typeof path === "string" && isDigest && Number.isSafeInteger(bytes) && Number(bytes) >= 0) {
    return { path, size: Number(bytes), digest };
  }
  throw strange(name, "lists what is no file", entry);
}

function strange(name: HubName, problem: string, value?: unknown): HubError {
  const expected = "what the Hugging Face Hub answers; HF_ENDPOINT names another";
  return new HubError({ problem, file: formatHubName(name), value, expected });
}

async function cachedRevision(name: HubName, settings: HubSettings): Promise<HubRevision> {
  const { kind, repository, revision, path } = name;
  const cached = new CachedRepository(settings, name);
  const commit = await cached.commitOf(revision);
  const all = commit === null ? [] : await cached.files(commit);
  const isNamed = (file: string) => path === "" || file === path || file.startsWith(`${path}/`);
  const files = all.filter((file) => isNamed(file.path)).map((file) => ({ ...file, digest: null }));
  if (commit === null || files.length === 0) throw notCached(settings, formatHubName(name));
  return { kind, repository, revision, commit, files };
}

/** The error for what is not in the cache when the network may not be asked. */
export function notCached({ offline, cache }: HubSettings, file: string): HubFileError {
  return new HubFileError({
    problem: `is not in the cache, and ${offline} is set`,
    file,
    expected: `a file in '${cache}', or ${offline} unset to fetch it`,
  });
}
