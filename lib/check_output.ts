/**
 * Whether a path can be written, asked before hours of work rather than after. Writing is `files.ts`.
 */

import { basename, dirname, resolve } from "node:path";
import { OutputError } from "./errors.ts";

/**
 * Checks that a file can be made at `path`, by making one of another name beside it and removing it.
 * Where the folder does not exist yet, the folder above it is tried; none is made.
 *
 * @throws {OutputError} if `path` is a folder, or nothing can be made there.
 */
export async function checkOutput(path: string): Promise<void> {
  let isFolder: boolean | undefined;
  try {
    isFolder = (await statOrNull(path))?.isDirectory;
    const dir = await nearestExisting(dirname(resolve(path)));
    await Deno.remove(await Deno.makeTempFile({ dir, prefix: `${basename(path)}.` }));
  } catch (cause) {
    throw new OutputError({
      problem: "cannot be written",
      file: path,
      value: (cause as Error).message,
      expected: "a writable folder with free space",
      cause,
    });
  }
  if (isFolder) {
    throw new OutputError({ problem: "is a folder", file: path, expected: "the name of a file" });
  }
}

async function nearestExisting(path: string): Promise<string> {
  return await statOrNull(path) ? path : await nearestExisting(dirname(path));
}

async function statOrNull(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
