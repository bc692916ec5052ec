/**
 * The store of chunks that the Hub keeps large files in (Xet), on 127.0.0.1: takes runs of chunks, and shards
 * that say which chunks a file is, and puts the files together again.
 *
 * Formats: chunks, xorbs and shards as https://huggingface.co/docs/xet describes them, blocks as of LZ4's
 * frame and block formats.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";

const HASH = 32;
const SHARD_HEADER = 48;
const VERIFIED = 0x80000000;
const WITH_SHA256 = 0x40000000;

/** A running store; files come to lie in a folder, by their SHA-256. */
export class ChunkStore implements AsyncDisposable {
  /** What opens it; no token of the Hub does. */
  readonly token = "a token of the store";
  /** Bytes of the runs of chunks that arrived. */
  received = 0;
  readonly #runs = new Map<string, Uint8Array[]>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(readonly folder: string) {
    const common = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(common, (request) => this.#answer(request));
  }

  /** Its address. */
  get origin(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.headers.get("Authorization") !== `Bearer ${this.token}`) {
      return new Response(null, { status: 401 });
    }
    const [, , kind, , hash] = pathname.split("/");
    if (kind === "chunks") return new Response(null, { status: 404 });
    const bytes = await request.bytes();
    if (kind === "xorbs") {
      this.received += bytes.length;
      this.#runs.set(hash, chunksIn(bytes));
      return Response.json({ was_inserted: true });
    }
    for (const { sha256, terms } of filesIn(bytes)) {
      const chunks = terms.flatMap(({ run, from, to }) => this.#runs.get(run)!.slice(from, to));
      const whole = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
      const found = createHash("sha256").update(whole).digest("hex");
      if (found !== sha256) return new Response(null, { status: 400 });
      await Deno.writeFile(join(this.folder, sha256), whole);
    }
    return Response.json({ result: 1 });
  }
}

/** A run of chunks: each after 8 bytes of version, packed length, scheme and length. */
function chunksIn(run: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const length = (at: number) => run[at] | run[at + 1] << 8 | run[at + 2] << 16;
  for (let at = 0; at < run.length;) {
    const [packed, scheme, size] = [length(at + 1), run[at + 4], length(at + 5)];
    const bytes = run.subarray(at + 8, at + 8 + packed);
    const plain = scheme === 0 ? bytes : unpackFrame(bytes, size);
    chunks.push(scheme === 2 ? regrouped(plain) : plain);
    at += 8 + packed;
  }
  return chunks;
}

/** Bytes 0, 4, 8, …, then 1, 5, 9, … and so on, put back in their order. */
function regrouped(bytes: Uint8Array): Uint8Array {
  const ordered = new Uint8Array(bytes.length);
  let at = 0;
  for (let first = 0; first < 4; first++) {
    for (let to = first; to < bytes.length; to += 4) ordered[to] = bytes[at++];
  }
  return ordered;
}

/** A frame of LZ4, without its checksums. */
function unpackFrame(frame: Uint8Array, size: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const plain = new Uint8Array(size);
  // Magic number, flags, sizes of blocks, perhaps the content's size, and a byte of checksum.
  let [at, to] = [4 + 2 + (frame[4] & 8 ? 8 : 0) + 1, 0];
  for (;;) {
    const field = view.getUint32(at, true);
    if (field === 0) return plain;
    const length = field & 0x7fffffff;
    const block = frame.subarray(at + 4, at + 4 + length);
    if (field >= 0x80000000) {
      plain.set(block, to);
      to += length;
    } else to = unpackBlock(block, plain, to);
    at += 4 + length;
  }
}

/** A block of LZ4: literals, and copies of what came before. */
function unpackBlock(block: Uint8Array, plain: Uint8Array, begin: number): number {
  let [at, to] = [0, begin];
  const longer = (start: number) => {
    let length = start;
    if (start === 15) {
      let more: number;
      do length += more = block[at++]; while (more === 255);
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++];
    const literals = longer(token >> 4);
    plain.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at >= block.length) break;
    const distance = block[at] | block[at + 1] << 8;
    at += 2;
    for (let left = longer(token & 15) + 4; left > 0; left--, to++) {
      plain[to] = plain[to - distance];
    }
  }
  return to;
}

interface StoredFile {
  readonly sha256: string;
  readonly terms: readonly { run: string; from: number; to: number }[];
}

/** The files of a shard: each which stretches of which runs, then a digest of each stretch, then its SHA-256. */
function filesIn(shard: Uint8Array): StoredFile[] {
  const view = new DataView(shard.buffer, shard.byteOffset, shard.length);
  const files: StoredFile[] = [];
  for (let at = SHARD_HEADER; shard[at] !== 0xff || hashAt(shard, at) !== "f".repeat(64);) {
    const [flags, count] = [view.getUint32(at + HASH, true), view.getUint32(at + HASH + 4, true)];
    at += HASH + 16;
    const terms = Array.from({ length: count }, (_, index) => {
      const term = at + index * 48;
      const [from, to] = [40, 44].map((offset) => view.getUint32(term + offset, true));
      return { run: hashAt(shard, term), from, to };
    });
    at += count * 48 * (flags & VERIFIED ? 2 : 1);
    if (flags & WITH_SHA256) {
      files.push({ sha256: hashAt(shard, at), terms });
      at += 48;
    }
  }
  return files;
}

/** A hash in hex: four little-endian words of 64 bits. */
function hashAt(bytes: Uint8Array, at: number): string {
  const words = [0, 8, 16, 24].map((word) => bytes.slice(at + word, at + word + 8).reverse());
  return words.map((word) => word.toHex()).join("");
}
