/** ZIP files put together by hand, byte by byte, as torch's own writer does and as others do. */

import { crc32, deflateRawSync } from "node:zlib";

/** An entry, and what of it is not as it should be. */
export interface PlainEntry {
  readonly name: string;
  readonly content: Uint8Array;
  readonly deflated?: boolean;
  /** Numbers that stand in the directory instead of the right ones. */
  readonly says?: {
    crc?: number;
    packed?: number;
    length?: number;
    begin?: number;
    method?: number;
    flags?: number;
  };
  /** The name in its own header. */
  readonly localName?: string;
}

/** How a file is put together. */
export interface ZipKind {
  /** Numbers in the parts of ZIP64, as torch has them. */
  readonly zip64?: boolean;
  /** Sizes and CRC behind the content instead of before it, as torch has them. */
  readonly descriptors?: boolean;
  readonly comment?: string;
}

/** The bytes of a ZIP file. */
export function plainZip(
  entries: readonly PlainEntry[],
  kind: ZipKind = {},
): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const put = (size: number, value: number) => {
    for (let i = 0; i < size; i++, value = Math.floor(value / 256)) out.push(value % 256);
  };
  const putBytes = (bytes: Uint8Array) => bytes.forEach((byte) => out.push(byte));
  const directory = entries.map((entry) => {
    const name = new TextEncoder().encode(entry.name);
    const localName = new TextEncoder().encode(entry.localName ?? entry.name);
    const method = entry.says?.method ?? (entry.deflated ? 8 : 0);
    const packed = entry.deflated ? new Uint8Array(deflateRawSync(entry.content)) : entry.content;
    const crc = entry.says?.crc ?? crc32(entry.content);
    const flags = (entry.says?.flags ?? 0) | 0x800 | (kind.descriptors ? 8 : 0);
    const begin = out.length;
    const padding = 63 - (begin + 30 + localName.length + 4 + 63) % 64;
    put(4, 0x04034b50);
    [20, flags, method, 0, 0].forEach((each) => put(2, each));
    [crc, packed.length, entry.content.length].forEach((each) =>
      put(4, kind.descriptors ? 0 : each)
    );
    put(2, localName.length);
    put(2, 4 + padding);
    putBytes(localName);
    put(2, 0x4246);
    put(2, padding);
    putBytes(new Uint8Array(padding).fill(0x5a));
    putBytes(packed);
    if (kind.descriptors) {
      put(4, 0x08074b50);
      put(4, crc);
      [packed.length, entry.content.length].forEach((each) => put(kind.zip64 ? 8 : 4, each));
    }
    return {
      name,
      method,
      crc,
      flags,
      begin,
      packed: packed.length,
      length: entry.content.length,
      ...entry.says,
    };
  });
  const start = out.length;
  for (const { name, method, crc, flags, packed, length, begin } of directory) {
    put(4, 0x02014b50);
    [45, 45, flags, method, 0, 0].forEach((each) => put(2, each));
    put(4, crc);
    [packed, length].forEach((each) => put(4, kind.zip64 ? 0xffffffff : each));
    put(2, name.length);
    put(2, kind.zip64 ? 28 : 0);
    [0, 0, 0].forEach((each) => put(2, each));
    put(4, 0);
    put(4, kind.zip64 ? 0xffffffff : begin);
    putBytes(name);
    if (kind.zip64) {
      put(2, 1);
      put(2, 24);
      [length, packed, begin].forEach((each) => put(8, each));
    }
  }
  const end = out.length;
  const count = entries.length;
  if (kind.zip64) {
    put(4, 0x06064b50);
    put(8, 44);
    [45, 45].forEach((each) => put(2, each));
    [0, 0].forEach((each) => put(4, each));
    [count, count, end - start, start].forEach((each) => put(8, each));
    put(4, 0x07064b50);
    put(4, 0);
    put(8, end);
    put(4, 1);
  }
  put(4, 0x06054b50);
  [0, 0, count, count].forEach((each) => put(2, each));
  [end - start, start].forEach((each) => put(4, each));
  const comment = new TextEncoder().encode(kind.comment ?? "");
  put(2, comment.length);
  putBytes(comment);
  return Uint8Array.from(out);
}
