/**
 * What `@huggingface/hub` publishes with: it makes each request once, and knows no token but the one it is
 * given. Here a request is made again where it may pass, bytes are counted as they leave, and the token goes to
 * the Hub's own origin alone.
 */

import type { Watch } from "../../../util/progress.ts";
import { formatHubName } from "../hub_name.ts";
import type { HubPlace } from "../refusals.ts";
import { attempts, CutError, PASSING, reasonOf } from "../request.ts";
import type { HubSettings } from "../settings.ts";
import { retryAfter } from "../waiting.ts";
import { CountedBytes } from "./counted_bytes.ts";
import { FileBlob } from "./file_blob.ts";
import { publishRefusal, type PublishStep } from "./publish_refusals.ts";

/** How requests of one step are made. */
export interface PublishFetchOptions extends Pick<Watch, "signal"> {
  readonly step: PublishStep;
  /** Statuses that are answers and no refusals. */
  readonly answers?: readonly number[];
  /** Is told how many bytes of a file left; fewer than none where they have to leave again. */
  readonly onBytes?: (place: string, count: number) => void;
}

/**
 * A `fetch` for one step.
 *
 * @returns a function that throws {@linkcode HubError} for what the Hub or a store of files refuses.
 */
export function publishFetch(
  settings: HubSettings,
  place: HubPlace,
  options: PublishFetchOptions,
): typeof fetch {
  const shown = formatHubName(place);
  const hub = new URL(settings.endpoint).origin;
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const signals = [options.signal, init.signal].filter((each) => each instanceof AbortSignal);
    const signal = AbortSignal.any(signals);
    const sent = { ...init, signal, headers: headersFor(settings, url.origin === hub, init) };
    const response = await attempts(
      settings,
      { shown, isGiven: true, signal },
      () => sendOnce(settings, url, sent, options.onBytes),
    );
    const { status, ok } = response;
    if (ok || options.answers?.includes(status)) return response;
    // A store of chunks answers questions in ways of its own, which the package knows.
    if (url.origin !== hub && !isGiving(init)) return response;
    await response.body?.cancel();
    throw publishRefusal(settings, place, url.origin === hub ? options.step : "sending", status);
  };
}

/** The Hub's token for the Hub; for other origins what they gave themselves. */
function headersFor({ token }: HubSettings, isHub: boolean, init: RequestInit): Headers {
  const headers = new Headers(init.headers);
  const named = headers.get("Authorization");
  if (isHub || named === PLACEHOLDER || token !== null && named === `Bearer ${token}`) {
    headers.delete("Authorization");
  }
  if (isHub && token !== null) headers.set("Authorization", `Bearer ${token}`);
  return headers;
}

/** The package asks for a token, and wants to see how it begins. */
export const NO_TOKEN = "hf_set_where_requests_are_made";
const PLACEHOLDER = `Bearer ${NO_TOKEN}`;

/** Whether bytes of files are sent. */
function isGiving({ body }: RequestInit): boolean {
  return body !== undefined && body !== null && typeof body !== "string";
}

/** @throws {CutError} for what may pass. */
async function sendOnce(
  settings: HubSettings,
  url: URL,
  init: RequestInit & { readonly signal: AbortSignal },
  onBytes: PublishFetchOptions["onBytes"] = () => {},
): Promise<Response> {
  const file = init.body instanceof FileBlob ? init.body : null;
  await file?.checkUnchanged();
  using silence = new Silence(settings.silence);
  let left = 0;
  const body = file?.counted((count) => {
    silence.break();
    left += count;
    onBytes(file.state.place, count);
  }) ?? countedBody(init.body, () => silence.break());
  const failed = async (error: Error) => {
    if (file) onBytes(file.state.place, -left);
    init.signal.throwIfAborted();
    await file?.checkUnchanged();
    throw error;
  };
  const signal = AbortSignal.any([init.signal, silence.signal]);
  const response = await fetch(url, { ...init, body, redirect: "manual", signal }).catch(
    async (error) => {
      if (error instanceof Deno.errors.NotCapable) throw error;
      const why = silence.signal.aborted ? `${url.host} is silent` : reasonOf(error, url);
      return await failed(new CutError(why));
    },
  );
  if (!PASSING.has(response.status)) return response;
  await response.body?.cancel();
  const after = retryAfter(response.headers.get("Retry-After"), settings.now());
  return await failed(new CutError(`${url.host} answers ${response.status}`, after));
}

/** A body in memory, which may be large too and take its time. */
function countedBody(body: RequestInit["body"], onBytes: () => void): RequestInit["body"] {
  if (typeof body === "string") return new CountedBytes(new TextEncoder().encode(body), onBytes);
  return body instanceof Uint8Array
    ? new CountedBytes(body as Uint8Array<ArrayBuffer>, onBytes)
    : body;
}

/** Says when nothing has moved for too long, neither bytes that leave nor an answer. */
class Silence implements Disposable {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly milliseconds: number) {
    this.break();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something has moved. */
  break(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.milliseconds);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
