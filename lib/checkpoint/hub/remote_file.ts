/**
 * One file of the Hub as a run of bytes: read from any byte on, and read on where a connection is cut. Not
 * here: keeping it.
 */

import { HubError } from "../../util/errors.ts";
import { withinTime } from "../../util/within_time.ts";
import { formatHubName } from "./hub_name.ts";
import { POINTER } from "../lfs_pointer.ts";
import { type HubPlace, KIND_PATH, refusal } from "./refusals.ts";
import { type Answer, type Asked, askOnce, attempts, CutError, waitAfter } from "./request.ts";
import type { HubSettings } from "./settings.ts";

/** Bytes after which a cut counts as the first again. */
const PROGRESS = 2 ** 20;

/** A file at a commit. */
export class RemoteFile {
  readonly #url: URL;
  readonly #shown: string;
  /** Where the Hub sent us to: an address that holds for some time. */
  #moved: URL | null = null;
  /** Whether the server sends parts of the file; `null` before it was asked for one. */
  ranged: boolean | null = null;

  constructor(
    readonly settings: HubSettings,
    readonly place: HubPlace,
    /** Bytes, as the listing has them. */
    readonly size: number,
  ) {
    const path = place.path.split("/").map(encodeURIComponent).join("/");
    const prefix = `${settings.endpoint}/${KIND_PATH[place.kind]}${place.repository}`;
    this.#url = new URL(`${prefix}/resolve/${encodeURIComponent(place.revision)}/${path}`);
    this.#shown = formatHubName(place);
  }

  /**
   * Bytes `from` to before `to`, whatever is cut between.
   *
   * @throws {HubError} if the Hub refuses them, sends another file's, or cuts again and again.
   */
  async *read(from: number, to: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const asked = { shown: this.#shown, signal };
    let [at, made, counted] = [from, 0, from];
    while (at < to || this.size === 0) {
      try {
        for await (const bytes of this.#once(at, to, signal)) {
          at += bytes.length;
          yield bytes;
        }
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof CutError)) throw error;
        if (at - counted >= PROGRESS) [made, counted] = [0, at];
        await waitAfter(error, ++made, this.settings, asked);
      }
    }
  }

  async *#once(from: number, to: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { response } = await this.#open(from, to, signal);
    const reader = response.body!.getReader();
    let isRead = false;
    try {
      let at = response.status === 206 ? from : 0;
      while (at < to) {
        const { value, done } = await withinTime(
          () => reader.read(),
          this.settings.silence,
          () => new CutError(`the connection is cut after byte ${at}`),
          signal,
        );
        if (done) throw new CutError(`the connection ends after byte ${at}`);
        const bytes = value.subarray(Math.max(0, from - at), to - at);
        at += value.length;
        if (bytes.length > 0) yield bytes;
      }
      if (to === this.size && at > to) throw this.#otherSize(`more than ${to} bytes`);
      isRead = true;
    } finally {
      // One that sends on after its end, or nobody listens to any more.
      const ended = reader.cancel().catch(() => {});
      if (isRead) await ended;
    }
  }

  async #open(from: number, to: number, signal?: AbortSignal): Promise<Answer> {
    const isPart = from > 0 || to < this.size;
    const asked: Asked = {
      shown: this.#shown,
      headers: isPart ? { Range: `bytes=${from}-${to - 1}` } : {},
      signal,
    };
    return await attempts(this.settings, asked, async () => {
      const answer = await askOnce(this.settings, this.#moved ?? this.#url, asked);
      const { response, url } = answer;
      if (response.ok) {
        await this.#check(response, from);
        if (isPart) this.ranged = response.status === 206;
        this.#moved = url;
        return answer;
      }
      const isOld = this.#moved !== null && this.#moved !== this.#url;
      this.#moved = null;
      await response.body?.cancel();
      if (response.status === 416) throw this.#otherSize("fewer bytes");
      // The address that the Hub sent us to has run out: it gives a new one.
      if (isOld) throw new CutError(`${url.host} answers ${response.status}`);
      throw refusal(this.settings, this.place, response);
    });
  }

  /** Holds what a response says of itself against the listing, and against what was asked for. */
  async #check(response: Response, from: number): Promise<void> {
    const { headers, status } = response;
    const range = headers.get("Content-Range")?.match(/^bytes (\d+)-\d+\/(\d+|\*)$/);
    if (status === 206 && Number(range?.[1]) !== from) {
      await response.body?.cancel();
      throw this.#otherSize("another part of it than was asked for");
    }
    const whole = status === 206
      ? range?.[2]
      : headers.has("Content-Encoding")
      ? undefined
      : headers.get("Content-Length");
    if (whole === undefined || whole === null || whole === "*" || Number(whole) === this.size) {
      return;
    }
    const start = Number(whole) < 1024 ? await response.text() : "";
    await response.body?.cancel().catch(() => {});
    throw this.#otherSize(start.startsWith(POINTER) ? "a pointer of Git LFS" : `${whole} bytes`);
  }

  #otherSize(value: string): HubError {
    return new HubError({
      problem: "is not the file that was listed",
      file: this.#shown,
      value,
      expected: `${this.size} bytes`,
    });
  }
}
