/** Files as the loopback Hub serves them: bytes in memory or on a disk, their digests, and parts of them. */

import { createHash } from "node:crypto";

/** A file's content: text, bytes, or a path on the disk. */
export type Content = string | Uint8Array | { readonly onDisk: string };

const PIECE = 2 ** 20;

/** A file of a repository. */
export class ServedFile {
  /** Bytes that were sent of it so far, those that lie in a connection's buffers too. */
  sent = 0;
  readonly size: number;
  #sha256: string | undefined;
  #sha1: string | undefined;
  readonly #content: Uint8Array | string;

  constructor(readonly path: string, content: Content, readonly isLfs: boolean) {
    if (typeof content === "string") this.#content = new TextEncoder().encode(content);
    else this.#content = content instanceof Uint8Array ? content : content.onDisk;
    this.size = typeof this.#content === "string"
      ? Deno.statSync(this.#content).size
      : this.#content.length;
  }

  /** Of its bytes. */
  get sha256(): string {
    return this.#sha256 ??= this.#digest("sha256", "");
  }

  /** Git's name of it, or of the pointer to it. */
  get oid(): string {
    if (!this.isLfs) return this.#sha1 ??= this.#digest("sha1", `blob ${this.size}\0`);
    return createHash("sha1").update(`blob ${this.pointer.length}\0${this.pointer}`).digest("hex");
  }

  /** What the Hub calls its ETag. */
  get etag(): string {
    return this.isLfs ? this.sha256 : this.oid;
  }

  /** What git has in the place of a file of Git LFS. */
  get pointer(): string {
    return `version https://git-lfs.github.com/spec/v1\noid sha256:${this.sha256}\n` +
      `size ${this.size}\n`;
  }

  /** Bytes `from` to before `to`, piece by piece. */
  *pieces(from = 0, to = this.size): Generator<Uint8Array<ArrayBuffer>> {
    if (typeof this.#content !== "string") {
      for (let at = from; at < to; at += PIECE) {
        yield this.#content.slice(at, Math.min(to, at + PIECE)) as Uint8Array<ArrayBuffer>;
      }
      return;
    }
    using file = Deno.openSync(this.#content);
    file.seekSync(from, Deno.SeekMode.Start);
    for (let at = from; at < to;) {
      const bytes = new Uint8Array(Math.min(PIECE, to - at));
      const read = file.readSync(bytes);
      if (read === null) return;
      at += read;
      yield bytes.subarray(0, read);
    }
  }

  #digest(algorithm: string, start: string): string {
    const hash = createHash(algorithm).update(start);
    for (const bytes of this.pieces()) hash.update(bytes);
    return hash.digest("hex");
  }
}
