/**
 * One program at a time in a folder. The lock is the system's own: it ends with its process, however
 * that ends, so that nothing has to be cleared away after a crash.
 */

import { join } from "node:path";
import { OutputError } from "./errors.ts";
import { fileFault } from "./file_fault.ts";
import { makeFolder } from "./files.ts";
import { holdFile } from "./held_file.ts";

const NAME = ".lock";

/**
 * Takes a folder for this process, making it if need be, until the result is disposed of.
 *
 * @throws {OutputError} if another process has it, or it cannot be written.
 */
export async function lockFolder(folder: string): Promise<Disposable> {
  const path = join(folder, NAME);
  try {
    await makeFolder(folder);
    const file = await holdFile(path);
    if (file) return { [Symbol.dispose]: () => release(file, path) };
    throw new OutputError({
      problem: "is in use by another run",
      file: folder,
      expected: "its end, or another folder",
    });
  } catch (error) {
    if (error instanceof OutputError) throw error;
    const fault = fileFault(error as Error, "a writable folder");
    throw new OutputError({ problem: "cannot be locked", file: folder, ...fault });
  }
}

/** Removed before it is unlocked: else another's lock on it could be removed. */
function release(file: Deno.FsFile, path: string): void {
  Deno.removeSync(path);
  file.close();
}
