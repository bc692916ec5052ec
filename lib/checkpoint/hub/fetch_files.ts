/** Files of a revision, kept in the cache or read as they come. Which files are needed is not known here. */

import { join } from "node:path";
import { HubError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { CachedRepository, intoCache, sizeOf } from "./cache.ts";
import { hashFor, otherDigest } from "./digest.ts";
import { downloadBlob } from "./download.ts";
import { formatHubName } from "./hub_name.ts";
import { RemoteFile } from "./remote_file.ts";
import { type HubFile, type HubRevision, notCached } from "./revision.ts";
import { isSafePath } from "./safe_path.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

/**
 * Brings files into the cache, those that are not there yet.
 *
 * @param watch is told bytes.
 * @returns the snapshot's folder, in which each stands at its path.
 * @throws {HubError} if the revision has no such file, it cannot be had, or is not what its digest says.
 * @throws {OutputError} if the cache cannot be written.
 */
export async function fetchFiles(
  revision: HubRevision,
  paths: readonly string[],
  watch: Watch = {},
): Promise<string> {
  const settings = await hubSettings();
  const cached = new CachedRepository(settings, revision);
  const snapshot = cached.snapshot(revision.commit);
  const files = listed(revision, paths, settings);
  if (settings.offline !== null) {
    for (const { path } of files) await checkCached(cached, revision, path);
    return snapshot;
  }
  await intoCache(cached.folder, async () => {
    const missing: HubFile[] = [];
    for (const file of files) if (!await isCached(cached, revision, file)) missing.push(file);
    const total = missing.reduce((sum, { size }) => sum + size, 0);
    const label = `Download of ${revision.repository}`;
    let [moved, resumed] = [0, 0];
    for (const [done, file] of missing.entries()) {
      watch.signal?.throwIfAborted();
      let kept = 0;
      await downloadBlob(cached, remoteFile(settings, revision, file), file.digest!, (at, from) => {
        kept = from;
        const bytes = { done: moved + at, total, resumed: resumed + from };
        watch.onProgress?.({ done, total: missing.length, label, bytes });
      }, watch.signal);
      await cached.link(file.digest!, revision.commit, file.path);
      moved += file.size;
      resumed += kept;
    }
    await cached.noteRevision(revision.revision, revision.commit);
  });
  return snapshot;
}

/**
 * A file's bytes as they come, kept nowhere, and read on where a connection is cut. One that is in the cache is
 * read there.
 *
 * @throws {HubError} as {@linkcode fetchFiles}; the stream fails with it too, and if the digest is wrong at its end.
 */
export async function streamFile(
  revision: HubRevision,
  path: string,
  watch: Watch = {},
): Promise<ReadableStream<Uint8Array>> {
  const settings = await hubSettings();
  const [file] = listed(revision, [path], settings);
  const cached = new CachedRepository(settings, revision);
  if (settings.offline !== null) await checkCached(cached, revision, path);
  else if (!await isCached(cached, revision, file)) {
    return ReadableStream.from(checkedBytes(remoteFile(settings, revision, file), file, watch));
  }
  const { readable } = await Deno.open(join(cached.snapshot(revision.commit), path));
  return readable;
}

async function* checkedBytes(
  remote: RemoteFile,
  { size, digest }: HubFile,
  { signal }: Watch,
): AsyncGenerator<Uint8Array> {
  const hash = hashFor(digest!, size);
  for await (const bytes of remote.read(0, size, signal)) {
    hash.update(bytes);
    yield bytes;
  }
  if (hash.digest("hex") !== digest) throw otherDigest(formatHubName(remote.place), digest!);
}

/** The entries of files, each in the listing once and with a path that stays in its folder. */
function listed(
  revision: HubRevision,
  paths: readonly string[],
  settings: HubSettings,
): HubFile[] {
  const byPath = new Map(revision.files.map((file) => [file.path, file]));
  const taken = new Map<string, string>();
  return [...new Set(paths)].map((path) => {
    const file = byPath.get(path);
    const shown = formatHubName({ ...revision, path });
    if (file === undefined && settings.offline !== null) throw notCached(settings, shown);
    if (file === undefined) {
      throw new HubError({
        problem: "there is no such file",
        file: shown,
        expected: "a listed one",
      });
    }
    const folded = path.normalize("NFC").toLowerCase();
    const other = taken.get(folded);
    taken.set(folded, path);
    if (isSafePath(path) && other === undefined) return file;
    throw new HubError({
      problem: other === undefined
        ? "has a path that leaves its repository"
        : `has a name that some file systems take for '${other}'`,
      file: shown,
      expected: "relative paths of names apart",
    });
  });
}

/** @throws {HubError} if a file is not in its snapshot, and the network may not be asked for it. */
async function checkCached(
  cached: CachedRepository,
  revision: HubRevision,
  path: string,
): Promise<void> {
  if (await sizeOf(join(cached.snapshot(revision.commit), path)) !== null) return;
  throw notCached(cached.settings, formatHubName({ ...revision, path }));
}

/** Whether a file stands in its snapshot, or its blob does, which is linked then. */
async function isCached(
  cached: CachedRepository,
  { commit }: HubRevision,
  { path, size, digest }: HubFile,
): Promise<boolean> {
  if (await sizeOf(join(cached.snapshot(commit), path)) === size) return true;
  if (digest === null || await sizeOf(cached.blob(digest)) !== size) return false;
  await cached.link(digest, commit, path);
  return true;
}

function remoteFile(
  settings: HubSettings,
  revision: HubRevision,
  { path, size }: HubFile,
): RemoteFile {
  const { kind, repository, commit } = revision;
  return new RemoteFile(settings, { kind, repository, revision: commit, path }, size);
}
