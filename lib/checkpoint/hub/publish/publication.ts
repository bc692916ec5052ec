/**
 * What publishing some files would do: which of them the repository has already, which are new, and which
 * would stand in the place of others. Asks, and changes nothing.
 */

import { OptionError } from "../../../util/errors.ts";
import type { Watch } from "../../../util/progress.ts";
import { hashFor } from "../digest.ts";
import { formatHubName, type HubName, parseHubName } from "../hub_name.ts";
import { isSafePath } from "../safe_path.ts";
import { pageOf } from "../refusals.ts";
import { type HubFile, openRevision } from "../revision.ts";
import { type HubSettings, hubSettings } from "../settings.ts";
import { FileBlob, fileState } from "./file_blob.ts";
import { NO_TOKEN, publishFetch } from "./publish_fetch.ts";

/** A file that is to be published. */
export interface LocalFile {
  /** In the repository, with slashes. */
  readonly path: string;
  /** On the disk; or the text itself, of a file that is made for this. */
  readonly content: { readonly place: string } | { readonly text: string };
}

/** A file with what becomes of it. */
export interface PlannedFile {
  /** In the repository. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Whether the repository has it already, has nothing there, or something else. */
  readonly change: "same" | "new" | "other";
}

/** What publishing would do. */
export interface Publication {
  /** Where to. */
  readonly name: HubName;
  /** The repository's page. */
  readonly page: string;
  /** Whether the repository is there. */
  readonly exists: boolean;
  /** The commit that the files were compared with; `null` where the revision is not there. */
  readonly commit: string | null;
  /** Every file. */
  readonly files: readonly PlannedFile[];
  /** The bytes of each, by path. */
  readonly blobs: ReadonlyMap<string, Blob>;
}

/**
 * Compares files with a repository.
 *
 * @param to `owner/name`, with or without `hf:`.
 * @throws {OptionError} if the name is malformed, there is no token, or the network may not be asked.
 * @throws {HubError} if the Hub refuses to be asked.
 *
 * @example
 * ```ts
 * import { HubError, OptionError, planPublication, useHub } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using _ = useHub({ token: null, offline: null });
 * const card = { path: "README.md", content: { text: "# A delta" } };
 * await assert.rejects(planPublication([card], "me/delta", "main"), /HF_TOKEN/);
 * ```
 */
export async function planPublication(
  files: readonly LocalFile[],
  to: string,
  revision: string,
  watch: Watch = {},
): Promise<Publication> {
  const name = target(to, revision);
  const settings = await publishingSettings(name);
  const remote = await remoteFiles(settings, name, watch);
  const planned: PlannedFile[] = [];
  const blobs = new Map<string, Blob>();
  for (const [index, { path, content }] of files.entries()) {
    watch.signal?.throwIfAborted();
    if (!isSafePath(path)) throw new RangeError(`'${path}' is no path of a repository`);
    const blob = "text" in content
      ? new Blob([content.text])
      : new FileBlob(await fileState(content.place));
    blobs.set(path, blob);
    const there = remote.files.get(path);
    const label = `comparing ${path}`;
    watch.onProgress?.({ done: index, total: files.length, label });
    const change = there === undefined
      ? "new"
      : await isSame(blob, there, watch)
      ? "same"
      : "other";
    planned.push({ path, size: blob.size, change });
  }
  const { exists, commit } = remote;
  return { name, page: pageOf(settings, name), exists, commit, files: planned, blobs };
}

/** Where to, of a name with or without `hf:`. */
function target(to: string, revision: string): HubName {
  const name = parseHubName(to.startsWith("hf:") ? to : `hf:${to}`, "model");
  if (name.path === "" && name.revision === "main") return { ...name, revision };
  throw new OptionError({
    problem: "names more than a repository",
    option: "--to",
    value: to,
    expected: "owner/name; --revision takes a branch",
  });
}

/** @throws {OptionError} if there is no token, or the network may not be asked. */
export async function publishingSettings(name: HubName): Promise<HubSettings> {
  const settings = await hubSettings();
  if (settings.offline !== null) {
    throw new OptionError({
      problem: "forbids to ask the network, which publishing does",
      option: settings.offline,
      expected: "it unset",
    });
  }
  if (settings.token === null) {
    throw new OptionError({
      problem: `'${name.repository}' is written to by those alone who have a token`,
      option: "HF_TOKEN",
      value: "nothing",
      expected: `a token that may write, made at ${settings.endpoint}/settings/tokens`,
    });
  }
  return settings;
}

interface Remote {
  readonly exists: boolean;
  readonly commit: string | null;
  readonly files: ReadonlyMap<string, HubFile>;
}

async function remoteFiles(settings: HubSettings, name: HubName, watch: Watch): Promise<Remote> {
  const hub = await import("@huggingface/hub");
  const fetch = publishFetch(settings, name, { step: "looking", answers: [401, 404], ...watch });
  const common = { hubUrl: settings.endpoint, fetch, accessToken: NO_TOKEN };
  const repo = { type: "model" as const, name: name.repository };
  const none = { commit: null, files: new Map<string, HubFile>() };
  if (!await hub.repoExists({ ...common, repo })) return { exists: false, ...none };
  const revision = encodeURIComponent(name.revision);
  const place = `${settings.endpoint}/api/models/${name.repository}/revision/${revision}`;
  const response = await fetch(place);
  await response.body?.cancel();
  if (response.status === 404) return { exists: true, ...none };
  const { commit, files } = await openRevision(name, watch);
  return { exists: true, commit, files: new Map(files.map((file) => [file.path, file])) };
}

/** Whether a file is what the Hub has, by the digest that it lists: SHA-256 in Git LFS, else git's SHA-1. */
async function isSame(blob: Blob, { size, digest }: HubFile, { signal }: Watch): Promise<boolean> {
  if (blob.size !== size || digest === null) return false;
  const hash = hashFor(digest, size);
  for await (const bytes of blob.stream()) {
    signal?.throwIfAborted();
    hash.update(bytes);
  }
  return hash.digest("hex") === digest;
}

/** What a publication is called in errors. */
export function publicationName({ name }: Pick<Publication, "name">): string {
  return formatHubName(name);
}
