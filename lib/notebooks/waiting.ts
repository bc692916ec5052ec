/** Waits that end: by a signal, or after a time. They leave no timer and no listener behind. */

import { setTimeout as sleep } from "node:timers/promises";

/**
 * What `promise` settles to, unless the signal is raised first.
 *
 * @throws the signal's reason.
 */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // Whatever becomes of it after a stop is of no more interest.
  promise.catch(() => {});
  const stopped = Promise.withResolvers<never>();
  const raise = () => stopped.reject(signal.reason);
  signal.addEventListener("abort", raise, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", raise);
  }
}

/** What `promise` settles to; nothing if that takes longer. */
export async function within<T>(
  milliseconds: number,
  promise: Promise<T>,
): Promise<T | undefined> {
  const settled = new AbortController();
  const limit = sleep(milliseconds, undefined, { signal: settled.signal });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    settled.abort();
  }
}
