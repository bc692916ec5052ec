/**
 * A file of one name that a process holds while it works on it, and that stays when the process ends, however it
 * ends. Not here: files that are of no use unless they are finished (`FileBeside`).
 */

import { dirname, resolve } from "node:path";
import { OutputError } from "./errors.ts";
import { asOutputErrors, makeFolder, removeIfThere, syncFolder } from "./files.ts";
import { holdFile, isAt } from "./held_file.ts";
import { checkIsFile } from "./regular_file.ts";
import { Turns } from "./turns.ts";

/** A file that no other process may open so. Dispose of it to let go of it. */
export class LockedFile implements AsyncDisposable {
  readonly #file: Deno.FsFile;
  #isOpen = true;
  /** Actions share the file's position. */
  readonly #turns = new Turns();

  private constructor(readonly path: string, file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Opens a file, or makes it and its folder.
   *
   * @throws {OutputError} if another process has it, or it is no file or cannot be written.
   */
  static async open(path: string): Promise<LockedFile> {
    const stat = await Deno.stat(path).catch(() => null);
    if (stat) checkIsFile(stat, path, OutputError, "a file", "cannot be written");
    return await asOutputErrors(path, async () => {
      await makeFolder(dirname(resolve(path)));
      const file = await holdFile(path);
      if (file) return new LockedFile(path, file);
      throw new OutputError({
        problem: "is in use by another run",
        file: path,
        expected: "its end, or another place",
      });
    });
  }

  /**
   * Lets `action` read and write the file, when those before it are done.
   *
   * @throws {OutputError} if the file system refuses; any other error of `action` as it is.
   */
  async use<T>(action: (file: Deno.FsFile) => Promise<T>): Promise<T> {
    return await asOutputErrors(this.path, () => this.#turns.take(() => action(this.#file)));
  }

  /**
   * Puts the file in the place of another one, on the disk when this returns.
   *
   * @throws {OutputError} if the file system refuses.
   */
  async moveTo(path: string): Promise<void> {
    await asOutputErrors(path, async () => {
      await this.#file.sync();
      await Deno.rename(this.path, path);
      await syncFolder(dirname(resolve(path)));
    });
  }

  /** Removes the file, before another process can have it. */
  async remove(): Promise<void> {
    await asOutputErrors(this.path, () => removeIfThere(this.path));
    await this[Symbol.asyncDispose]();
  }

  /** Lets go of the file, which stays unless it is empty. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.idle();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { size } = await this.#file.stat();
    if (size === 0 && await isAt(this.#file, this.path)) {
      await Deno.remove(this.path).catch(() => {});
    }
    this.#file.close();
  }
}

/** A stretch of a file, shorter where that ends before it. */
export async function readStretch(
  file: Deno.FsFile,
  begin: number,
  byteLength: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  await file.seek(begin, Deno.SeekMode.Start);
  for (let filled = 0; filled < byteLength;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) return bytes.subarray(0, filled);
    filled += count;
  }
  return bytes;
}
