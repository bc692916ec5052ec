/** What a process that is killed leaves in a folder, at each moment at which it writes there. */

import { join } from "node:path";
import { filesIn } from "../checkpoint/tiny_checkpoint.ts";

/**
 * Runs something, and copies a folder's files at each moment at which a process may be killed: half-way through each
 * write, before a file is moved or removed, and after it was moved.
 *
 * @returns the copies, which the caller removes.
 */
export async function killedEverywhere(
  folder: string,
  action: () => Promise<unknown>,
): Promise<string[]> {
  const copies: string[] = [];
  const keep = () => {
    const copy = Deno.makeTempDirSync();
    for (const name of filesIn(folder)) Deno.copyFileSync(join(folder, name), join(copy, name));
    copies.push(copy);
  };
  const { write } = Deno.FsFile.prototype;
  const { rename, remove } = Deno;
  Deno.FsFile.prototype.write = async function (bytes) {
    const half = bytes.length >> 1;
    await write.call(this, bytes.subarray(0, half));
    keep();
    return half + await write.call(this, bytes.subarray(half));
  };
  Deno.rename = async (...names) => {
    keep();
    await rename(...names);
    keep();
  };
  Deno.remove = async (...names) => {
    keep();
    await remove(...names);
  };
  try {
    await action();
  } finally {
    Deno.FsFile.prototype.write = write;
    Object.assign(Deno, { rename, remove });
  }
  return copies;
}
