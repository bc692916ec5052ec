/**
 * What a long run has done so far, on disk as it goes, so that a run which is killed at any moment goes on where
 * it was: a file of lines that only grows, and beside it large numbers that take each other's place.
 *
 * Each line has a digest of itself and of all lines before it: a line that is torn or was changed ends what
 * counts, and numbers whose digest is another do not. So nothing has to be waited for until it is on the disk. The
 * system's lock holds the file while its process lives. Not here: what the lines say.
 */

import { createHash } from "node:crypto";
import { canonical, sha256 } from "./canonical.ts";
import { OutputError } from "./errors.ts";
import { writeAll } from "./files.ts";
import { LockedFile, readStretch } from "./locked_file.ts";

/** All that determines a run, by names for a person: of another key nothing is taken up. */
export type RunKey = Readonly<Record<string, unknown>>;

/** Numbers that a journal keeps beside its lines. */
export interface KeptBytes {
  /** Where they begin in the file beside. */
  readonly at: number;
  /** How many. */
  readonly byteLength: number;
  /** SHA-256 in hex. */
  readonly digest: string;
}

/** Hexadecimal digits of a line's digest, and the blank after it. */
const DIGITS = 32;
/** How a journal begins; one that was killed before its first line ended may have less of it, and nothing else. */
const FIRST_LINE = /^[0-9a-f]{32} \{"key":/;
const TORN = /^([0-9a-f]{1,32}|[0-9a-f]{32} (\{.*)?)$/;
/** Bytes that are read of a journal at most: none of ours is near it. */
const LONGEST = 2 ** 28;

/** A journal of a run. Dispose of it to keep it for the next run, or remove it. */
export class Journal implements AsyncDisposable {
  readonly #lines: LockedFile;
  readonly #beside: LockedFile;
  /** Digest of the last line, and where the next one begins. */
  #last: string;
  #length: number;
  /** What earlier runs of the key said, in their order. */
  readonly records: readonly unknown[];
  /** Why nothing was taken up of what was there, in words; `null` if it was, or nothing was there. */
  readonly anew: string | null;

  private constructor(
    lines: LockedFile,
    beside: LockedFile,
    { records, last, length, anew }: ReadLines,
  ) {
    this.#lines = lines;
    this.#beside = beside;
    this.#last = last;
    this.#length = length;
    this.records = records;
    this.anew = anew;
  }

  /**
   * Opens the journal of a run, or begins it anew.
   *
   * @param path of the lines; the numbers stand beside it, with `.data` after its name.
   * @throws {OutputError} if another process has it, or it cannot be written, or a file that is no journal stands
   * in its place.
   */
  static async open(path: string, key: RunKey): Promise<Journal> {
    await using opened = new AsyncDisposableStack();
    const lines = opened.use(await LockedFile.open(path));
    const beside = opened.use(await LockedFile.open(`${path}.data`));
    const found = await lines.use(async (file) => {
      const { size } = await file.stat();
      const text = size > LONGEST ? "" : new TextDecoder().decode(await readStretch(file, 0, size));
      if (size > 0 && !FIRST_LINE.test(text) && !TORN.test(text)) throw notOurs(path);
      if (size === 0 && await beside.use((data) => data.stat()).then((data) => data.size > 0)) {
        throw notOurs(beside.path);
      }
      const read = readLines(text, key);
      await file.truncate(read.length);
      return read;
    });
    const journal = new Journal(lines, beside, found);
    if (found.last === "") await journal.append({ key });
    opened.move();
    return journal;
  }

  /**
   * Adds a line: plain data.
   *
   * @throws {OutputError} if it cannot be written.
   */
  async append(record: object): Promise<void> {
    await this.#lines.use(async (file) => {
      const json = JSON.stringify(record);
      const digest = lineDigest(this.#last, json);
      const line = new TextEncoder().encode(`${digest} ${json}\n`);
      // What failed half-way is written over.
      await file.seek(this.#length, Deno.SeekMode.Start);
      await writeAll(file, line);
      this.#last = digest;
      this.#length += line.length;
    });
  }

  /**
   * Writes numbers to the file beside; a line that says where they are makes them count.
   *
   * @param at a place whose numbers no line that counts needs any longer.
   * @throws {OutputError} if they cannot be written.
   */
  async keep(
    parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    at: number,
  ): Promise<KeptBytes> {
    const hash = createHash("sha256");
    let byteLength = 0;
    await this.#beside.use(async (file) => {
      await file.seek(at, Deno.SeekMode.Start);
      for await (const part of parts) {
        hash.update(part);
        await writeAll(file, part);
        byteLength += part.length;
      }
    });
    return { at, byteLength, digest: hash.digest("hex") };
  }

  /** Numbers that were kept; `null` if they are no longer there as they were. */
  async kept({ at, byteLength, digest }: KeptBytes): Promise<Uint8Array | null> {
    return await this.#beside.use(async (file) => {
      if (at + byteLength > (await file.stat()).size) return null;
      const bytes = await readStretch(file, at, byteLength);
      return createHash("sha256").update(bytes).digest("hex") === digest ? bytes : null;
    });
  }

  /** Removes it: the run is over. */
  async remove(): Promise<void> {
    await this.#beside.remove();
    await this.#lines.remove();
  }

  /** Closes it; what was written stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#beside[Symbol.asyncDispose]();
    await this.#lines[Symbol.asyncDispose]();
  }
}

interface ReadLines {
  readonly records: readonly unknown[];
  /** Digest of the last line that counts; `""` if none does. */
  readonly last: string;
  /** Bytes of the lines that count. */
  readonly length: number;
  readonly anew: string | null;
}

/** The lines that count of a journal of this key. */
function readLines(text: string, key: RunKey): ReadLines {
  const none = (anew: string | null) => ({ records: [], last: "", length: 0, anew });
  const records: unknown[] = [];
  let [last, length] = ["", 0];
  for (let at = 0;;) {
    const end = text.indexOf("\n", at);
    if (end < 0) break;
    const json = text.slice(at + DIGITS + 1, end);
    const digest = lineDigest(last, json);
    if (text.slice(at, at + DIGITS + 1) !== `${digest} `) break;
    const record = parsed(json);
    if (record === undefined) break;
    if (last === "") {
      const difference = differingField(record.key, key);
      if (difference !== null) return none(`it was begun with another ${difference}`);
    } else records.push(record);
    last = digest;
    length += new TextEncoder().encode(text.slice(at, end + 1)).length;
    at = end + 1;
  }
  return { records, last, length, anew: null };
}

function notOurs(file: string): OutputError {
  return new OutputError({
    problem: "is no journal of a run, and would be written over",
    file,
    expected: "such a journal, or nothing there",
  });
}

/** `undefined` for what is no object in JSON. */
function parsed(json: string): { readonly key?: unknown } | undefined {
  try {
    const value = JSON.parse(json);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The first field of a key that is another in `found`; `null` if none is. */
function differingField(found: unknown, key: RunKey): string | null {
  const other = (typeof found === "object" && found !== null ? found : {}) as RunKey;
  const names = [...Object.keys(key), ...Object.keys(other)];
  return names.find((name) => canonical([key[name]]) !== canonical([other[name]])) ?? null;
}

function lineDigest(last: string, json: string): string {
  return sha256(`${last} ${json}`).slice(0, DIGITS);
}
