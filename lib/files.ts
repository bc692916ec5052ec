/**
 * Writing files so that a reader never meets half of one: write beside, then rename.
 */

import { dirname } from "node:path";
import { OutputError } from "./errors.ts";

/**
 * Writes `content` to `path`, making its folder; `path` holds the old or the new content, never a part.
 *
 * @throws {OutputError} if the folder cannot be made or written.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  await writeBeside(path, async (beside) => {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(beside, bytes);
  });
}

/**
 * Lets `write` fill a file beside `path`, then renames it to `path`; removes it if `write` throws.
 *
 * @throws {OutputError} if the file system refuses; any other error of `write` as it is.
 */
export async function writeBeside(
  path: string,
  write: (beside: string) => Promise<void>,
): Promise<void> {
  const beside = `${path}.${crypto.randomUUID().slice(0, 8)}.part`;
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    await write(beside);
    await Deno.rename(beside, path);
  } catch (error) {
    await Deno.remove(beside).catch(() => {});
    throw isFileSystemError(error)
      ? new OutputError({
        problem: "cannot be written",
        file: path,
        value: error.message,
        expected: "a writable folder with free space",
        cause: error,
      })
      : error;
  }
}

function isFileSystemError(error: unknown): error is Error {
  return error instanceof Error && ("code" in error || error.constructor.name in Deno.errors);
}
