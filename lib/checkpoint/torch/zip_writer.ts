/**
 * Writing a ZIP file, entry by entry: stored, each at a multiple of 64 bytes as torch puts them, with the numbers
 * of ZIP64 where they are needed. Not here: reading (`zip_directory.ts`).
 */

import { crc32 } from "node:zlib";
import { writeAll } from "../../util/files.ts";

/** Where content begins: https://github.com/pytorch/pytorch/blob/main/caffe2/serialize/inline_container.h */
const ALIGNMENT = 64;
/** The extra field that torch fills up with: "FB". */
const PADDING = 0x4246;
/** Identifies the extra field with the numbers of ZIP64. */
const EXTRA_64 = 1;
/** From here on a number stands in the extra field. */
const MOST_32 = 0xffffffff;
const MOST_16 = 0xffff;
/** 1 January 1980, the first day there is: no time stands in these files, so that the same content is the same file. */
const DATE = 0x21;
/** Names are in UTF-8. */
const FLAGS = 0x800;

interface Written {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly length: number;
  readonly begin: number;
}

/** Writes to a file that is open at its start. */
export class ZipWriter {
  readonly #entries: Written[] = [];
  #at = 0;

  constructor(readonly file: Deno.FsFile) {}

  /** Writes an entry of a name that is new. */
  async add(name: string, content: Uint8Array): Promise<void> {
    const entry: Written = {
      name: new TextEncoder().encode(name),
      crc: crc32(content),
      length: content.length,
      begin: this.#at,
    };
    this.#entries.push(entry);
    await this.#write(localHeader(entry));
    await this.#write(content);
  }

  /** Writes the directory. */
  async finish(): Promise<void> {
    const begin = this.#at;
    for (const entry of this.#entries) await this.#write(listed(entry));
    await this.#write(end(this.#entries.length, begin, this.#at - begin));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.file, bytes);
    this.#at += bytes.length;
  }
}

function localHeader({ name, crc, length, begin }: Written): Uint8Array {
  const is64 = length >= MOST_32;
  const before = begin + 30 + name.length + (is64 ? 20 : 0) + 4;
  const padding = -before & (ALIGNMENT - 1);
  const fields = new Fields();
  fields.u32(0x04034b50).u16(is64 ? 45 : 20).u16(FLAGS).u16(0).u16(0).u16(DATE).u32(crc);
  fields.u32(is64 ? MOST_32 : length).u32(is64 ? MOST_32 : length);
  fields.u16(name.length).u16((is64 ? 20 : 0) + 4 + padding).bytes(name);
  if (is64) fields.u16(EXTRA_64).u16(16).u64(length).u64(length);
  return fields.u16(PADDING).u16(padding).bytes(new Uint8Array(padding).fill(90)).done();
}

function listed({ name, crc, length, begin }: Written): Uint8Array {
  const numbers = [
    ...length >= MOST_32 ? [length, length] : [],
    ...begin >= MOST_32 ? [begin] : [],
  ];
  const extra = numbers.length > 0 ? 4 + 8 * numbers.length : 0;
  const version = extra > 0 ? 45 : 20;
  const fields = new Fields();
  fields.u32(0x02014b50).u16(version).u16(version).u16(FLAGS).u16(0).u16(0).u16(DATE).u32(crc);
  fields.u32(Math.min(length, MOST_32)).u32(Math.min(length, MOST_32));
  fields.u16(name.length).u16(extra).u16(0).u16(0).u16(0).u32(0).u32(Math.min(begin, MOST_32));
  fields.bytes(name);
  if (extra > 0) fields.u16(EXTRA_64).u16(8 * numbers.length);
  for (const number of numbers) fields.u64(number);
  return fields.done();
}

function end(count: number, begin: number, length: number): Uint8Array {
  const fields = new Fields();
  if (count >= MOST_16 || begin >= MOST_32 || length >= MOST_32) {
    fields.u32(0x06064b50).u64(44).u16(45).u16(45).u32(0).u32(0);
    fields.u64(count).u64(count).u64(length).u64(begin);
    fields.u32(0x07064b50).u32(0).u64(begin + length).u32(1);
  }
  fields.u32(0x06054b50).u16(0).u16(0).u16(Math.min(count, MOST_16)).u16(Math.min(count, MOST_16));
  return fields.u32(Math.min(length, MOST_32)).u32(Math.min(begin, MOST_32)).u16(0).done();
}

/** Numbers in little-endian, one after another. */
class Fields {
  readonly #all: number[] = [];

  u16(value: number): this {
    this.#all.push(value & 255, value >>> 8);
    return this;
  }

  u32(value: number): this {
    return this.u16(value & MOST_16).u16(value >>> 16);
  }

  u64(value: number): this {
    return this.u32(value % 2 ** 32 >>> 0).u32(Math.floor(value / 2 ** 32));
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.#all.push(byte);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#all);
  }
}
