import assert from "node:assert/strict";
import { join } from "node:path";
import { readZipDirectory } from "../../../lib/checkpoint/torch/zip_directory.ts";
import { ZipWriter } from "../../../lib/checkpoint/torch/zip_writer.ts";
import { temporaryFolder } from "../tiny_checkpoint.ts";

/** Bytes of a write from which on they are a hole in the file: it takes no room on the disk. */
const HOLE = 1 << 20;

Deno.test("a ZIP file of more than 4 GB has its numbers where ZIP64 has them, and is read again", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "large.zip");
  using file = await Deno.open(path, { create: true, read: true, write: true });
  const sparse = {
    async write(bytes: Uint8Array): Promise<number> {
      if (bytes.length < HOLE) return await file.write(bytes);
      await file.seek(bytes.length, Deno.SeekMode.Current);
      return bytes.length;
    },
  } as Deno.FsFile;
  const zip = new ZipWriter(sparse);
  const zeros = new Uint8Array(2 ** 28);
  for (let index = 0; index < 17; index++) await zip.add(`a/data/${index}`, zeros);
  await zip.add("a/last", Uint8Array.of(1, 2, 3));
  await zip.finish();
  const { size } = await file.stat();
  const entries = await readZipDirectory({ file, path, size });
  assert.equal(entries.size, 18);
  for (let index = 0; index < 17; index++) {
    const { begin, byteLength } = entries.get(`a/data/${index}`)!;
    assert.equal(byteLength, zeros.length);
    assert.equal(begin % 64, 0);
    assert.ok(begin >= index * zeros.length && begin < index * zeros.length + 8192);
  }
  const { begin, byteLength } = entries.get("a/last")!;
  assert.ok(begin > 2 ** 32);
  const last = new Uint8Array(byteLength);
  await file.seek(begin, Deno.SeekMode.Start);
  await file.read(last);
  assert.deepEqual(last, Uint8Array.of(1, 2, 3));

  // The bytes themselves: an end of each kind, the first of which has the numbers.
  const tail = new Uint8Array(98);
  await file.seek(-98, Deno.SeekMode.End);
  await file.read(tail);
  const view = new DataView(tail.buffer);
  assert.equal(view.getUint32(0, true), 0x06064b50);
  assert.equal(view.getUint32(56, true), 0x07064b50);
  assert.equal(view.getUint32(76, true), 0x06054b50);
  assert.equal(Number(view.getBigUint64(56 + 8, true)), size - 98);
  assert.equal(Number(view.getBigUint64(24, true)), 18);
  const [length, start] = [40, 48].map((at) => Number(view.getBigUint64(at, true)));
  assert.equal(start + length, size - 98);
  assert.equal(view.getUint32(76 + 16, true), 0xffffffff);
});
