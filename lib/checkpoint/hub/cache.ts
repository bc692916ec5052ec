/**
 * Hugging Face's cache: which folder a repository has, where its blobs, refs and snapshots lie, and the locks
 * on them. Python's library has the same, so that each reads what the other wrote. Not here: fetching.
 *
 * ```
 * models--owner--name/blobs/<sha256 or git's sha1>
 *                     refs/main                      a commit
 *                     snapshots/<commit>/config.json → ../../blobs/…
 *                     .no_exist/<commit>/<path>      a file that the commit has not
 * .locks/models--owner--name/<blob>.lock
 * ```
 *
 * Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */

import { dirname, join, relative } from "node:path";
import { HubError, OutputError } from "../../util/errors.ts";
import { fileFault, isFileSystemError } from "../../util/file_fault.ts";
import { writeFileAtomic } from "../../util/files.ts";
import type { HubKind } from "./hub_name.ts";
import type { HubSettings } from "./settings.ts";

/** A commit, as git names it. */
export const COMMIT: RegExp = /^[0-9a-f]{40}$/;

/** Milliseconds between two looks at a lock. */
const LOCK_WAIT = 200;

/** A repository's folder in the cache. */
export class CachedRepository {
  readonly #locks: string;
  /** `models--owner--name` in the cache. */
  readonly folder: string;

  constructor(
    readonly settings: HubSettings,
    { kind, repository }: { readonly kind: HubKind; readonly repository: string },
  ) {
    const name = [`${kind}s`, ...repository.split("/")].join("--");
    this.folder = join(settings.cache, name);
    this.#locks = join(settings.cache, ".locks", name);
  }

  /** The folder of a commit's files. */
  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** Where the bytes of a file lie. */
  blob(digest: string): string {
    return join(this.folder, "blobs", digest);
  }

  /** The commit that a revision had when it was asked for last; `null` if it never was. */
  async commitOf(revision: string): Promise<string | null> {
    if (COMMIT.test(revision)) return revision;
    const text = await Deno.readTextFile(join(this.folder, "refs", revision)).catch(() => "");
    return COMMIT.test(text.trim()) ? text.trim() : null;
  }

  /** Keeps which commit a revision is. */
  async noteRevision(revision: string, commit: string): Promise<void> {
    if (revision === commit || await this.commitOf(revision) === commit) return;
    await writeFileAtomic(join(this.folder, "refs", revision), commit);
  }

  /** Keeps that a commit has no such file, which spares Python's library to ask. */
  async noteAbsent(commit: string, path: string): Promise<void> {
    const place = join(this.folder, ".no_exist", commit, path);
    if (await sizeOf(place) === null) await writeFileAtomic(place, "");
  }

  /** The files of a snapshot that are there with their bytes, by their paths. */
  async files(commit: string): Promise<{ path: string; size: number }[]> {
    const files: { path: string; size: number }[] = [];
    const walk = async (folder: string, prefix: string) => {
      const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
      for (const { name, isDirectory } of entries) {
        const path = `${prefix}${name}`;
        if (isDirectory) await walk(join(folder, name), `${path}/`);
        const size = isDirectory ? null : await sizeOf(join(folder, name));
        if (size !== null) files.push({ path, size });
      }
    };
    await walk(this.snapshot(commit), "");
    return files.sort((a, b) => a.path < b.path ? -1 : 1);
  }

  /**
   * Puts a blob in its place in a snapshot: as a relative link, or where there are no links as the file itself.
   */
  async link(digest: string, commit: string, path: string): Promise<void> {
    const [blob, place] = [this.blob(digest), join(this.snapshot(commit), path)];
    const target = relative(dirname(place), blob);
    if (await Deno.readLink(place).catch(() => null) === target) return;
    await Deno.mkdir(dirname(place), { recursive: true });
    const beside = `${place}.${crypto.randomUUID().slice(0, 8)}.link`;
    try {
      await Deno.symlink(target, beside, { type: "file" });
    } catch (error) {
      if (isNoPlace(error as Error)) throw error;
      // A file system, or a user of Windows, without links.
      await Deno.rename(blob, place);
      return;
    }
    await Deno.rename(beside, place);
  }

  /**
   * Holds a blob's lock while `work` runs; two processes, this library's or Python's, never fetch one blob at
   * once. On a file system without locks nothing is held: the digest still tells what went wrong.
   */
  async locked<T>(digest: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await Deno.mkdir(this.#locks, { recursive: true });
    const path = join(this.#locks, `${digest}.lock`);
    using lock = await Deno.open(path, { read: true, write: true, create: true });
    while (!await lock.tryLock(true).catch(() => true)) {
      await this.settings.wait(LOCK_WAIT, signal);
    }
    return await work();
  }
}

/** Bytes of the file at a path, links followed; `null` if there is none. */
export async function sizeOf(path: string): Promise<number | null> {
  return await Deno.stat(path).then((stat) => stat.isFile ? stat.size : null, () => null);
}

/**
 * Does what writes to the cache.
 *
 * @throws {OutputError} if the file system refuses.
 */
export async function intoCache<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HubError || !isFileSystemError(error)) throw error;
    const expected = "a cache that can be written; HF_HOME or HF_HUB_CACHE names another";
    const fault = fileFault(error, expected);
    throw new OutputError({ problem: "cannot be written", file: folder, ...fault });
  }
}

function isNoPlace(error: Error & { code?: unknown }): boolean {
  return ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "ENOENT"].includes(String(error.code));
}
