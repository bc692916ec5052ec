/**
 * The bytes and lines behind a text: a file, a pipe, standard input or what the Hub sends, gzipped or not,
 * read as far as is asked for. What the text means is `text_file.ts`'s business.
 */

import { basename } from "node:path";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError, TextError } from "../util/errors.ts";
import { standardInput } from "../util/regular_file.ts";

/** Bytes that a text, or a line of one that is not read to its end, may have: the longest string is not much longer. */
export const MOST_BYTES = 2 ** 29;

/** Files that are no texts, by their first bytes: some of them decode as UTF-8 all the same. */
const FORMATS: readonly (readonly [name: string, ...bytes: number[]])[] = [
  ["a ZIP archive", 0x50, 0x4b, 0x03, 0x04],
  ["packed by Zstandard", 0x28, 0xb5, 0x2f, 0xfd],
  ["packed by bzip2", 0x42, 0x5a, 0x68],
  ["packed by xz", 0xfd, 0x37, 0x7a, 0x58, 0x5a],
  ["an Arrow table", 0x41, 0x52, 0x52, 0x4f, 0x57, 0x31, 0],
  ["in UTF-16", 0xff, 0xfe],
  ["in UTF-16", 0xfe, 0xff],
];

/** The first bytes of a Parquet table: its mark, and the beginning of a page's header. */
const PARQUET = [0x50, 0x41, 0x52, 0x31, 0x15];

/** Where a text is read from. */
export interface TextPlace {
  /** What errors call it: a path, or a name on the Hub. */
  readonly file: string;
  /** What its rows are called by: the file's own name. */
  readonly name: string;
  /** The path of a file that can be read in any order; `null` of pipes and streams. */
  readonly path: string | null;
  /** Its bytes, from the first; may be asked for once. */
  open(): Promise<ReadableStream<Uint8Array>>;
  /** What stops it: its reason is no fault of the text. */
  readonly signal?: AbortSignal;
}

/** Whether a path is something that texts are read from: all but nothing and folders. */
export async function isTextSource(path: string): Promise<boolean> {
  if (standardInput.has(path)) return true;
  return await Deno.stat(path).then((stat) => !stat.isDirectory, () => false);
}

/** Whether a path is a folder's. */
export async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then((stat) => stat.isDirectory, () => false);
}

let isStandardInputRead = false;

/** The text at a path. */
export async function localPlace(path: string): Promise<TextPlace> {
  const isFile = await Deno.stat(path).then((stat) => stat.isFile, () => false);
  return {
    file: path,
    name: basename(path),
    path: isFile ? path : null,
    open: async () => {
      if (!standardInput.has(path)) return (await Deno.open(path)).readable;
      if (isStandardInputRead) throw unreadable(path, "can be read only once");
      isStandardInputRead = true;
      return Deno.stdin.readable;
    },
  };
}

/** The bytes of a text, unpacked, and what they begin with. */
export interface OpenedText extends AsyncDisposable {
  /** Whether it was packed, so that its file holds other bytes. */
  readonly isPacked: boolean;
  /** Whether it is a Parquet table, which is read as no text is. */
  readonly isParquet: boolean;
  /** All bytes. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Opens a text; what is not read of it by the end of the scope is not asked for.
 *
 * @throws {TextError} if it cannot be read, is gzipped and damaged, or of a known format of other files.
 */
export async function openText(place: TextPlace): Promise<OpenedText> {
  const source = sourceOf(place);
  const { isPacked, bytes } = await unpacked(source, place);
  const { first, all } = await beginning(bytes, 8);
  const begins = (mark: readonly number[]) => mark.every((byte, index) => first[index] === byte);
  const format = FORMATS.find(([, ...mark]) => begins(mark));
  // A generator that was left at a piece it had at hand does not tell those before it.
  const close = async () => {
    for (const each of [all, bytes, source]) await each.return(undefined);
  };
  if (format) {
    await close();
    throw unreadable(place.file, `is ${format[0]}`);
  }
  return {
    isPacked,
    isParquet: begins(PARQUET),
    bytes: all,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * All of a text's bytes.
 *
 * @throws {TextError} if there are too many.
 */
export async function allBytes(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk as Uint8Array<ArrayBuffer>);
    length += chunk.length;
    if (length > MOST_BYTES) throw unreadable(file, "is too long");
  }
  return await new Blob(chunks).bytes();
}

/**
 * The lines of a text, each with a `\n` for whatever ends it; what stands behind the last end is a line if
 * it is anything.
 *
 * @param isPart whether not all may be asked for: then each line has the bound that else all have.
 * @throws {TextError} if it is too long or not UTF-8.
 */
export async function* textLines(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
  isPart: boolean,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (chunk?: Uint8Array) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      throw unreadable(file, "is not UTF-8", cause);
    }
  };
  let open: string[] = [];
  let length = 0;
  let isAfterReturn = false;
  const cut = function* (text: string) {
    // The second half of an end of line that lay across two chunks.
    const rest = isAfterReturn && text.startsWith("\n") ? text.slice(1) : text;
    if (text !== "") isAfterReturn = text.endsWith("\r");
    const [first, ...lines] = rest.split(/\r\n|\r|\n/);
    open.push(first);
    for (const line of lines) {
      yield `${open.join("")}\n`;
      open = [line];
      if (isPart) length = 0;
    }
  };
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > MOST_BYTES) throw unreadable(file, "is too long");
    yield* cut(decode(chunk));
  }
  yield* cut(decode());
  const last = open.join("");
  if (last !== "") yield last;
}

/** The first bytes, `count` of them or a few more if there are as many, and all of them. */
async function beginning(bytes: AsyncGenerator<Uint8Array>, count: number) {
  const chunks: Uint8Array[] = [];
  const first: number[] = [];
  while (first.length < count) {
    const { done, value } = await bytes.next();
    if (done) break;
    chunks.push(value);
    first.push(...value.subarray(0, count));
  }
  const all = async function* () {
    yield* chunks;
    yield* bytes;
  };
  return { first, all: all() };
}

/** A source's bytes, unpacked where they are packed. */
async function unpacked(source: AsyncGenerator<Uint8Array>, place: TextPlace) {
  const { first, all } = await beginning(source, 2);
  const isPacked = first[0] === 0x1f && first[1] === 0x8b;
  return { isPacked, bytes: isPacked ? gunzipped(all, place) : all };
}

async function* sourceOf(place: TextPlace): AsyncGenerator<Uint8Array> {
  try {
    yield* await place.open();
  } catch (cause) {
    throw named(cause, place, "cannot be read");
  }
}

async function* gunzipped(
  packed: AsyncGenerator<Uint8Array>,
  place: TextPlace,
): AsyncGenerator<Uint8Array> {
  const from = Readable.from(packed, { objectMode: false });
  const gunzip = createGunzip();
  from.on("error", (error) => gunzip.destroy(error));
  try {
    yield* from.pipe(gunzip);
  } catch (cause) {
    throw named(cause, place, "cannot be unpacked by gzip");
  } finally {
    gunzip.destroy();
    from.destroy();
    await packed.return(undefined);
  }
}

/** An error that says what it is of, and a stop, as it is; any other as one of the file. */
function named(cause: unknown, { file, signal }: TextPlace, problem: string): unknown {
  const isStopped = signal?.aborted && cause === signal.reason;
  return isStopped || cause instanceof InputError ? cause : unreadable(file, problem, cause);
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
