/**
 * The characters behind a path that a user gives as text: a file, a pipe or standard input, gzipped or
 * not. What the text means is `text_file.ts`'s business.
 */

import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { TextError } from "../util/errors.ts";
import { standardInput } from "../util/regular_file.ts";

/** Bytes that a gzipped text may unpack to: the longest string is not much longer. */
const MOST_BYTES = 2 ** 29;

/** Files that are no texts, by their first bytes: some of them decode as UTF-8 all the same. */
const FORMATS: readonly (readonly [name: string, ...bytes: number[]])[] = [
  ["a ZIP archive", 0x50, 0x4b, 0x03, 0x04],
  ["packed by Zstandard", 0x28, 0xb5, 0x2f, 0xfd],
  ["packed by bzip2", 0x42, 0x5a, 0x68],
  ["packed by xz", 0xfd, 0x37, 0x7a, 0x58, 0x5a],
  ["a Parquet table", 0x50, 0x41, 0x52, 0x31, 0x15],
  ["an Arrow table", 0x41, 0x52, 0x52, 0x4f, 0x57, 0x31, 0],
  ["in UTF-16", 0xff, 0xfe],
  ["in UTF-16", 0xfe, 0xff],
];

/** Whether a path is something that texts are read from: all but nothing and folders. */
export async function isTextSource(path: string): Promise<boolean> {
  if (standardInput.has(path)) return true;
  return await Deno.stat(path).then((stat) => !stat.isDirectory, () => false);
}

/**
 * Reads a text, with `\n` at the end of each line whatever stands there.
 *
 * @throws {TextError} if it cannot be read, is too long, gzipped and damaged, of a known format of other
 * files, or not UTF-8.
 */
export async function readTextSource(path: string): Promise<string> {
  const bytes = await unpacked(await readBytes(path), path);
  const format = FORMATS.find(([, ...first]) =>
    first.every((byte, index) => bytes[index] === byte)
  );
  if (format) throw unreadable(path, `is ${format[0]}`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.replace(/\r\n?/g, "\n");
  } catch (cause) {
    throw unreadable(path, "is not UTF-8", cause);
  }
}

let isStandardInputRead = false;

async function readBytes(path: string): Promise<Uint8Array> {
  if (standardInput.has(path)) {
    if (isStandardInputRead) throw unreadable(path, "can be read only once");
    isStandardInputRead = true;
  }
  try {
    const readable = standardInput.has(path)
      ? Deno.stdin.readable
      : (await Deno.open(path)).readable;
    return await bytesOf(readable, path);
  } catch (cause) {
    throw cause instanceof TextError ? cause : unreadable(path, "cannot be read", cause);
  }
}

/** All of a file, pipe or device; the last may never end. */
async function bytesOf(readable: ReadableStream<Uint8Array>, path: string): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of readable) {
    chunks.push(chunk as Uint8Array<ArrayBuffer>);
    length += chunk.length;
    if (length > MOST_BYTES) throw unreadable(path, "is too long");
  }
  return await new Blob(chunks).bytes();
}

async function unpacked(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MOST_BYTES });
  } catch (cause) {
    throw unreadable(path, "cannot be unpacked by gzip", cause);
  }
}

function unreadable(file: string, problem: string, cause?: unknown): TextError {
  return new TextError({
    problem,
    file,
    value: (cause as Error | undefined)?.message,
    expected: `a text in UTF-8 of at most ${MOST_BYTES} bytes, gzipped or not`,
    cause,
  });
}
