/** Waiting between requests, and for how long. */

/** Waits so many milliseconds. @throws the signal's reason. */
export function abortableWait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  signal?.throwIfAborted();
  const timer = setTimeout(resolve, milliseconds);
  const stop = () => reject(signal!.reason);
  signal?.addEventListener("abort", stop, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  });
}

/** Milliseconds of the first wait, and of the longest that is not asked for. */
const FIRST = 500;
const LONGEST = 30_000;
/** Milliseconds beyond which a server's Retry-After is refused. */
const MOST = 5 * 60_000;

/**
 * Milliseconds before the next attempt: half of it is drawn, so that many clients do not come at once.
 *
 * @param attempt counted from 0.
 */
export function backOff(attempt: number): number {
  const whole = Math.min(LONGEST, FIRST * 2 ** attempt);
  return whole / 2 + Math.random() * whole / 2;
}

/**
 * Milliseconds that a Retry-After asks for, in seconds or as a date; `null` if it says nothing that can be
 * read, `Infinity` if it asks for more than five minutes.
 */
export function retryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  const asked = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  if (Number.isNaN(asked)) return null;
  return asked > MOST ? Infinity : Math.max(0, asked);
}
