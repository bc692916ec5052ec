/** Which bytes of files this thread reads while something runs, at the layer of files. */

import assert from "node:assert/strict";

/** A stretch of a file that was read. */
export interface DataRead {
  readonly begin: number;
  readonly end: number;
}

/** Runs `action` and returns what it read, by the files' inodes. */
export async function dataReads(action: () => Promise<unknown>): Promise<Map<number, DataRead[]>> {
  const files = new Map<number, DataRead[]>();
  const { readSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.readSync = function (buffer) {
    const { ino } = this.statSync();
    const begin = this.seekSync(0, Deno.SeekMode.Current);
    const count = readSync.call(this, buffer);
    if (count) files.set(ino!, [...files.get(ino!) ?? [], { begin, end: begin + count }]);
    return count;
  };
  try {
    await action();
  } finally {
    Deno.FsFile.prototype.readSync = readSync;
  }
  return files;
}

/**
 * Asserts that the data of a safetensors file, all that follows its header, was read once, byte by byte.
 *
 * @returns how many bytes that is.
 */
export async function assertReadOnce(
  path: string,
  files: ReadonlyMap<number, readonly DataRead[]>,
): Promise<number> {
  const bytes = await Deno.readFile(path);
  const dataStart = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const reads = [...files.get((await Deno.stat(path)).ino!) ?? []];
  let at = dataStart;
  for (const { begin, end } of reads.sort((a, b) => a.begin - b.begin)) {
    assert.equal(begin, at, `${path}: read twice or not at all`);
    at = end;
  }
  assert.equal(at, bytes.length, `${path}: not read to its end`);
  return reads.reduce((sum, { begin, end }) => sum + end - begin, 0);
}
