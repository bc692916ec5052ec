/** Which bytes of open files are read while something runs, at the layer of files. */

import assert from "node:assert/strict";

/** A stretch of a file that was read. */
export interface DataRead {
  readonly begin: number;
  readonly end: number;
}

/** Runs `action` and returns what it read, file by file, in the order of places. */
export async function dataReads(action: () => Promise<unknown>): Promise<DataRead[][]> {
  const files = new Map<Deno.FsFile, DataRead[]>();
  const { read } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.read = async function (buffer) {
    const begin = await this.seek(0, Deno.SeekMode.Current);
    const count = await read.call(this, buffer);
    const reads = files.get(this) ?? [];
    if (count) files.set(this, [...reads, { begin, end: begin + count }]);
    return count;
  };
  try {
    await action();
  } finally {
    Deno.FsFile.prototype.read = read;
  }
  return [...files.values()].map((reads) => reads.sort((a, b) => a.begin - b.begin));
}

/** Bytes of all stretches, those that were read twice counted twice. */
export function bytesRead(files: readonly (readonly DataRead[])[]): number {
  return files.flat().reduce((sum, { begin, end }) => sum + end - begin, 0);
}

/** Asserts that the data of a safetensors file, all that follows its header, was read once, byte by byte. */
export async function assertReadOnce(path: string, reads: readonly DataRead[]): Promise<void> {
  const bytes = await Deno.readFile(path);
  let at = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  for (const { begin, end } of reads) {
    assert.equal(begin, at, `${path}: read twice or not at all`);
    at = end;
  }
  assert.equal(at, bytes.length, `${path}: not read to its end`);
}
