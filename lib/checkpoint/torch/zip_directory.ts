/**
 * The directory of a ZIP file: which entries there are and where in the file their bytes lie, to be read there.
 *
 * What torch writes and what others make of it: stored or deflated, ZIP64, padded for alignment, on one disk,
 * without comments. Every number is held against the file, and no two entries share a byte, so that what is
 * read is what any other reader finds. Not here: what entries hold (`torch_file.ts`), unpacking (`inflate.ts`).
 *
 * The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */

import {
  ELSEWHERE,
  type OpenedFile,
  readAt,
  readZipEnd,
  viewOf,
  wholeNumber,
  zipFault as fault,
} from "./zip_end.ts";

/** An entry of a ZIP file. */
export interface ZipEntry {
  /** With the folders that it is in, `/` between them. */
  readonly name: string;
  /** Whether its bytes are packed by DEFLATE; else they lie in the file as they are. */
  readonly isDeflated: boolean;
  /** CRC-32 of its content, as the directory says. */
  readonly crc32: number;
  /** Bytes in the file. */
  readonly packedLength: number;
  /** Bytes of its content. */
  readonly byteLength: number;
  /** The first byte in the file. */
  readonly begin: number;
}

/** An entry as the directory has it, before it was looked at in its place. */
type Listed = Omit<ZipEntry, "begin"> & { readonly headerBegin: number };

const LISTED = { signature: 0x02014b50, length: 46 };
const LOCAL = { signature: 0x04034b50, length: 30 };

/** Identifies the extra field with the 64-bit numbers. */
const EXTRA_64 = 1;
/** Packs at most so many bytes into one: https://zlib.net/zlib_tech.html. */
const MOST_PACKED = 1032;
/** Entries that are encrypted, patches, or have masked headers. */
const STRANGE_FLAGS = 0x2061;

/** The start of a file that is a ZIP file with entries. */
export const ZIP_START = [0x50, 0x4b, 3, 4];

/**
 * Reads the directory.
 *
 * @throws {TorchError} if the file is no ZIP file, or one of another kind than described above.
 */
export async function readZipDirectory(opened: OpenedFile): Promise<Map<string, ZipEntry>> {
  const { begin, byteLength, count } = await readZipEnd(opened);
  const bytes = await readAt(opened, begin, byteLength);
  const entries = parseDirectory(bytes, count, opened.path);
  const placed: (ZipEntry & { readonly headerBegin: number })[] = [];
  for (const entry of entries) placed.push(await place(opened, entry, begin));
  placed.sort((a, b) => a.headerBegin - b.headerBegin);
  for (const [index, entry] of placed.entries()) {
    const next = placed[index + 1]?.headerBegin ?? begin;
    if (entry.begin + entry.packedLength > next) {
      throw fault(opened.path, `entry '${entry.name}' overlaps what follows it`);
    }
  }
  return new Map(placed.map(({ headerBegin: _, ...entry }) => [entry.name, entry]));
}

function parseDirectory(bytes: Uint8Array, count: number, path: string): Listed[] {
  const view = viewOf(bytes);
  const entries = new Map<string, Listed>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + LISTED.length > bytes.length || view.getUint32(at, true) !== LISTED.signature) {
      throw fault(path, `its directory ends after ${index} of ${count} entries`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32]
      .map((offset) => view.getUint16(at + offset, true));
    const nameBegin = at + LISTED.length;
    const extraBegin = nameBegin + nameLength;
    const next = extraBegin + extraLength + commentLength;
    if (next > bytes.length) throw fault(path, "its directory ends within an entry");
    const name = entryName(bytes.subarray(nameBegin, extraBegin), path);
    const method = view.getUint16(at + 10, true);
    const strange = view.getUint16(at + 8, true) & STRANGE_FLAGS;
    if (strange !== 0 || (method !== 0 && method !== 8)) {
      const how = strange !== 0 ? "encrypted" : `packed by method ${method}`;
      throw fault(path, `entry '${name}' is ${how}`, "entries that are stored or deflated");
    }
    const numbers = extraNumbers(view, at, extraBegin, extraLength, path);
    const entry = {
      name,
      isDeflated: method === 8,
      crc32: view.getUint32(at + 16, true),
      ...numbers,
    };
    checkSizes(entry, path);
    if (entries.has(name)) throw fault(path, `entry '${name}' is there twice`);
    entries.set(name, entry);
    at = next;
  }
  if (at !== bytes.length) throw fault(path, "its directory has more than its entries");
  return [...entries.values()];
}

/** Sizes and place of an entry, in the extra field where they are too large for their own. */
function extraNumbers(
  view: DataView,
  at: number,
  extraBegin: number,
  extraLength: number,
  path: string,
): Pick<Listed, "packedLength" | "byteLength" | "headerBegin"> {
  const fields = { byteLength: 24, packedLength: 20, headerBegin: 42 };
  const numbers = Object.entries(fields).map(([name, offset]): [string, number] => [
    name,
    view.getUint32(at + offset, true),
  ]);
  const extraEnd = extraBegin + extraLength;
  let [from, until] = [0, 0];
  for (let field = extraBegin; field + 4 <= extraEnd;) {
    const next = field + 4 + view.getUint16(field + 2, true);
    if (next > extraEnd) break;
    if (view.getUint16(field, true) === EXTRA_64) [from, until] = [field + 4, next];
    field = next;
  }
  const found = numbers.map(([name, number]) => {
    if (number !== ELSEWHERE) return [name, number];
    if (from + 8 > until) throw fault(path, "an entry of its directory lacks its ZIP64 numbers");
    from += 8;
    return [name, wholeNumber(view, from - 8, path)];
  });
  if (view.getUint16(at + 34, true) !== 0) throw fault(path, "it is on several disks");
  return Object.fromEntries(found);
}

function checkSizes({ name, isDeflated, packedLength, byteLength }: Listed, path: string): void {
  const most = isDeflated ? MOST_PACKED * packedLength : packedLength;
  const least = isDeflated ? 0 : packedLength;
  if (byteLength <= most && byteLength >= least) return;
  throw fault(path, `entry '${name}' has ${byteLength} bytes in ${packedLength}`);
}

/** An entry's own header says where its bytes begin. */
async function place(
  opened: OpenedFile,
  { headerBegin, ...entry }: Listed,
  directoryBegin: number,
): Promise<ZipEntry & { readonly headerBegin: number }> {
  const { path } = opened;
  const name = new TextEncoder().encode(entry.name);
  if (headerBegin + LOCAL.length + name.length > directoryBegin) {
    throw fault(path, `entry '${entry.name}' lies outside of what is before its directory`);
  }
  const bytes = await readAt(opened, headerBegin, LOCAL.length + name.length);
  const view = viewOf(bytes);
  const isSame = view.getUint32(0, true) === LOCAL.signature &&
    view.getUint16(8, true) === (entry.isDeflated ? 8 : 0) &&
    view.getUint16(26, true) === name.length &&
    name.every((byte, index) => byte === bytes[LOCAL.length + index]);
  if (!isSame) {
    throw fault(path, `entry '${entry.name}' is another in its place than in the directory`);
  }
  const begin = headerBegin + bytes.length + view.getUint16(28, true);
  return { ...entry, headerBegin, begin };
}

/** A name that leads nowhere else, where somebody unpacks the file. */
function entryName(bytes: Uint8Array, path: string): string {
  let name: string | null = null;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch { /* It is none. */ }
  const isPlain = name !== null && !name.includes("\\") && !name.includes("\0") &&
    name.replace(/\/$/, "").split("/").every((part) =>
      part !== "" && part !== "." && part !== ".."
    );
  if (isPlain) return name!;
  throw fault(path, `an entry is named '${name ?? bytes}'`, "names of files in folders below");
}
