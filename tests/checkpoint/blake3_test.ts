import assert from "node:assert/strict";
import { Blake3, digestOf } from "../../lib/checkpoint/blake3.ts";

/** Of the vectors that BLAKE3's authors publish: digests of 0, 1, …, 250, 0, 1, … by how many bytes. */
const VECTORS: Readonly<Record<number, string>> = {
  0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
  1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
  1023: "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
  1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
  1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
  102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
};

for (const [count, digest] of Object.entries(VECTORS)) {
  for (const block of [64, 1000, 200_000]) {
    Deno.test(`${count} bytes in blocks of ${block} have the published digest`, () => {
      const bytes = Uint8Array.from({ length: Number(count) }, (_, i) => i % 251);
      const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
      shared.set(bytes);
      for (const memory of [bytes, shared]) {
        const hash = new Blake3();
        for (let at = 0; at < memory.length; at += block) {
          hash.update(memory.subarray(at, at + block));
        }
        assert.equal(hash.digest(), `blake3:${digest}`);
      }
    });
  }
}

Deno.test("a text is digested in UTF-8", () => {
  const bytes = Uint8Array.of(0xe6, 0x96, 0x87);
  assert.equal(digestOf("文"), new Blake3().update(bytes).digest());
});
