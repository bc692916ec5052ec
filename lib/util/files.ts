/**
 * Writing files so that a reader never meets half of one, whatever ends the writer: write beside,
 * sync, rename, sync the folder. Not here: reading (`read_file.ts`).
 *
 * A writer holds the system's lock on the file beside until it is renamed. A lock ends with its process,
 * so that a file whose lock is free has lost its writer and is removed by the next one.
 */

import { Buffer } from "node:buffer";
import { basename, dirname, join, resolve } from "node:path";
import { OutputError } from "./errors.ts";
import { fileFault, isFileSystemError } from "./file_fault.ts";
import { checkIsFile } from "./regular_file.ts";

/** The end of the name of a file that is being written; no other program's files end so. */
const PART = /\.[0-9a-f]{16}\.bitdelta\.part$/;

/**
 * Writes `content` to `path`, making its folder; `path` holds the old or the new content, never a part.
 *
 * @throws {OutputError} if the folder cannot be made or written.
 *
 * @example
 * ```ts
 * import { writeFileAtomic } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile();
 * await writeFileAtomic(path, "all of it");
 * assert.equal(await Deno.readTextFile(path), "all of it");
 * await Deno.remove(path);
 * ```
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await writeBeside(path, (part) => writeAll(part, bytes));
}

/**
 * Lets `write` fill a new file beside `path`, then moves it to `path`, on the disk when this returns;
 * removes it if `write` throws.
 *
 * @param beforeMove what has to be done when all is written and nothing is moved yet.
 * @throws {OutputError} if the file system refuses; any other error of `write` as it is.
 */
export async function writeBeside(
  path: string,
  write: (part: Deno.FsFile) => Promise<void>,
  beforeMove?: () => Promise<void>,
): Promise<void> {
  await using beside = await FileBeside.open(path);
  await beside.write(write);
  await beside.move(beforeMove);
}

/**
 * A new file beside the one that it will be. Disposing of it removes it, and the folders that were made for
 * it, unless it was moved.
 */
export class FileBeside implements AsyncDisposable {
  #state: "written" | "moved" | "closed" = "written";
  readonly #part: Part;
  /** Outermost first. */
  readonly #folders: readonly string[];

  private constructor(readonly path: string, part: Part, folders: readonly string[]) {
    this.#part = part;
    this.#folders = folders;
  }

  /**
   * Makes the folder of `path`, and an empty file in it.
   *
   * @throws {OutputError} if the file system refuses, or `path` is a folder, pipe, socket or device: the file
   * would stand in its place.
   */
  static async open(path: string): Promise<FileBeside> {
    const folder = dirname(resolve(path));
    const stat = await Deno.stat(path).catch(() => null);
    if (stat) checkIsFile(stat, path, OutputError, "a file", "cannot be written");
    return await asOutputErrors(path, async () => {
      const made = await makeFolder(folder);
      await removeDeadParts(folder);
      return new FileBeside(path, await createPart(folder, basename(path)), made);
    });
  }

  /**
   * Lets `write` change the file, wherever it likes.
   *
   * @throws {OutputError} if the file system refuses; any other error of `write` as it is.
   */
  async write(write: (part: Deno.FsFile) => Promise<void>): Promise<void> {
    await asOutputErrors(this.path, () => write(this.#part.file));
  }

  /**
   * Puts the file in its place, on the disk when this returns.
   *
   * @param beforeMove as of {@linkcode writeBeside}.
   * @throws as {@linkcode FileBeside.write}.
   */
  async move(beforeMove?: () => Promise<void>): Promise<void> {
    await asOutputErrors(this.path, async () => {
      await this.#part.file.sync();
      await beforeMove?.();
      await Deno.rename(this.#part.path, this.path);
      this.#state = "moved";
      await syncFolder(dirname(resolve(this.path)));
    });
  }

  /** Closes the file; one that was not moved is removed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "written") {
      // A folder that another file has come into stays.
      for (const path of [this.#part.path, ...this.#folders.toReversed()]) {
        await Deno.remove(path).catch(() => {});
      }
    }
    if (this.#state !== "closed") this.#part[Symbol.dispose]();
    this.#state = "closed";
  }
}

/** Runs an action; what the file system refuses is told as an `OutputError` of a path. */
export async function asOutputErrors<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isFileSystemError(error)) throw error;
    const fault = fileFault(error, "a writable folder with free space");
    throw new OutputError({ problem: "cannot be written", file: path, ...fault });
  }
}

/** Most bytes that are written at once: shared memory is copied for it. */
const WRITTEN = 1 << 20;

/** Writes all of `bytes` at the file's position. */
export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written, written + WRITTEN));
  }
}

/**
 * Whether there is a file or folder.
 *
 * @throws the file system's own error if that cannot be told.
 */
export async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Removes a file, if there is one.
 *
 * @throws the file system's own error if it refuses.
 */
export async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/**
 * Makes a folder and those above it, each on the disk before the next.
 *
 * @returns those that were not there, outermost first.
 */
export async function makeFolder(folder: string): Promise<string[]> {
  if (await isThere(folder)) return [];
  const made = await makeFolder(dirname(folder));
  try {
    await Deno.mkdir(folder);
    made.push(folder);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  await syncFolder(dirname(folder));
  return made;
}

/**
 * Makes a file of a few bytes in a folder that exists, and removes it.
 *
 * @throws the file system's own error if it refuses.
 */
export async function tryFolder(folder: string): Promise<void> {
  using part = await createPart(folder, "try");
  try {
    await writeAll(part.file, new Uint8Array(4096));
    await part.file.sync();
  } finally {
    await Deno.remove(part.path);
  }
}

interface Part extends Disposable {
  readonly path: string;
  readonly file: Deno.FsFile;
}

/** Short enough for any name: of a long one, its start stands for it. */
async function createPart(folder: string, name: string): Promise<Part> {
  const start = Buffer.from(name).subarray(0, 160).toString("latin1").replace(/[^\w.-]/g, "_");
  while (true) {
    const id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
    const path = join(folder, `${start}.${id}.bitdelta.part`);
    const file = await Deno.open(path, { read: true, write: true, createNew: true });
    // A file system without locks keeps the files of dead writers: no lock tells them from living ones.
    await file.lock(true).catch(() => {});
    // Between creation and lock another writer may have taken it for a dead one's.
    if (await isThere(path)) return { path, file, [Symbol.dispose]: () => file.close() };
    file.close();
  }
}

async function removeDeadParts(folder: string): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !PART.test(name)) continue;
    const path = join(folder, name);
    // Gone, or not this user's: then it is another's to remove.
    const file = await Deno.open(path, { read: true, write: true }).catch(() => undefined);
    if (!file) continue;
    const isDead = await file.tryLock(true).catch(() => false);
    if (isDead) await Deno.remove(path).catch(() => {});
    file.close();
  }
}

/** Puts a folder's names on the disk; Windows keeps them there by itself and opens no folders. */
export async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using opened = await Deno.open(folder);
  await opened.sync();
}
