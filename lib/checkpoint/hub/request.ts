/**
 * One request to the Hub: who may see the token, which redirects are followed, what is tried again and how
 * often. Not here: what the answers mean.
 */

import { HubError } from "../../util/errors.ts";
import { withinTime } from "../../util/within_time.ts";
import type { HubSettings } from "./settings.ts";
import { backOff, retryAfter } from "./waiting.ts";

/** Times that a request is made before it is given up. */
export const MOST_ATTEMPTS = 6;

const MOST_REDIRECTS = 5;

/** What a server says that will say something else later, as statuses. */
export const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/** What is asked. */
export interface Asked {
  /** As errors name it: `hf:owner/name@main/config.json`. */
  readonly shown: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether the Hub is to be given something, and not asked for it. */
  readonly isGiven?: boolean;
  readonly signal?: AbortSignal;
}

/** An answer, and the address that gave it after all redirects. */
export interface Answer {
  readonly response: Response;
  readonly url: URL;
}

/** A failure that another attempt may not meet: a connection that was cut, refused, or has gone silent. */
export class CutError extends Error {
  /** @param retryAfter milliseconds that the server asked to wait, if it did. */
  constructor(message: string, readonly retryAfter: number | null = null) {
    super(message);
  }
}

/**
 * Does `attempt` until it succeeds, waiting longer and longer between.
 *
 * @param attempt throws {@linkcode CutError} for what may pass.
 * @throws {HubError} after six times, or if a server asks to wait for more than five minutes.
 */
export async function attempts<T>(
  settings: HubSettings,
  asked: Asked,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let made = 1;; made++) {
    try {
      return await attempt();
    } catch (error) {
      asked.signal?.throwIfAborted();
      if (!(error instanceof CutError)) throw error;
      await waitAfter(error, made, settings, asked);
    }
  }
}

/**
 * Waits before the next attempt.
 *
 * @param made attempts so far.
 * @throws {HubError} if there is to be none.
 */
export async function waitAfter(
  error: CutError,
  made: number,
  settings: HubSettings,
  { shown, signal, isGiven = false }: Asked,
): Promise<void> {
  const asked = error.retryAfter;
  if (made < MOST_ATTEMPTS && asked !== Infinity) {
    return await settings.wait(asked ?? backOff(made - 1), signal);
  }
  const cached = isGiven
    ? "; what was sent is there when the same command runs again"
    : "; what is in the cache is used with HF_HUB_OFFLINE=1";
  throw new HubError({
    problem: `cannot be ${isGiven ? "sent" : "fetched"}, tried ${made} ${
      made === 1 ? "time" : "times"
    }`,
    file: shown,
    value: error.message,
    expected: asked === Infinity
      ? `${settings.endpoint} to answer within five minutes`
      : `a network through which ${settings.endpoint} answers${cached}`,
  });
}

/**
 * Asks once and follows redirects: the token goes to the endpoint's origin alone, and nothing that was asked
 * for by https is taken by http.
 *
 * @throws {CutError} for what may pass, {HubError} for redirects that no Hub sends.
 */
export async function askOnce(settings: HubSettings, from: URL, asked: Asked): Promise<Answer> {
  const refuse = (problem: string, value: string) => {
    const expected = `a redirect as ${settings.endpoint} sends them`;
    return new HubError({ problem, file: asked.shown, value, expected });
  };
  let url = from;
  for (let redirects = 0;; redirects++) {
    const response = await fetchOnce(settings, url, asked);
    if (PASSING.has(response.status)) {
      await response.body?.cancel();
      const after = retryAfter(response.headers.get("Retry-After"), settings.now());
      throw new CutError(`${url.host} answers ${response.status}`, after);
    }
    if (![301, 302, 303, 307, 308].includes(response.status)) return { response, url };
    await response.body?.cancel();
    const next = URL.parse(response.headers.get("Location") ?? "", url);
    if (next === null || !/^https?:$/.test(next.protocol)) {
      throw refuse("is redirected to no address", url.host);
    }
    if (url.protocol === "https:" && next.protocol !== "https:") {
      throw refuse("is redirected from https to http", next.host);
    }
    if (redirects === MOST_REDIRECTS) throw refuse("is redirected again and again", next.host);
    url = next;
  }
}

async function fetchOnce(settings: HubSettings, url: URL, asked: Asked): Promise<Response> {
  const { method, headers, body, signal } = asked;
  const isHub = url.origin === new URL(settings.endpoint).origin;
  // Bytes are counted and continued as they are stored.
  const sent = new Headers({ "Accept-Encoding": "identity", ...headers });
  if (isHub && settings.token !== null) sent.set("Authorization", `Bearer ${settings.token}`);
  const silent = new AbortController();
  const signals = [silent.signal, ...signal ? [signal] : []];
  const response = await withinTime(
    () =>
      fetch(url, {
        method,
        body,
        redirect: "manual",
        signal: AbortSignal.any(signals),
        headers: sent,
      }),
    settings.silence,
    (cause) => {
      if (cause instanceof Deno.errors.NotCapable) return cause;
      if (cause === undefined) silent.abort();
      return new CutError(cause === undefined ? `${url.host} is silent` : reasonOf(cause, url));
    },
    signal,
  );
  return response;
}

/** Why a request failed, without its address: one that is signed is a secret. */
export function reasonOf(error: unknown, { host }: URL): string {
  const text = error instanceof Error ? `${(error.cause as Error)?.message ?? error.message}` : "";
  const why = text.match(/refused|dns|lookup|reset|certificate|timed out|unreachable/i)?.[0];
  const words: Record<string, string> = {
    refused: "refuses connections",
    dns: "is not known to this network",
    lookup: "is not known to this network",
    reset: "resets connections",
    certificate: "has a certificate that is not trusted",
    unreachable: "cannot be reached",
  };
  return `${host} ${words[why?.toLowerCase() ?? ""] ?? "cuts connections"}`;
}
