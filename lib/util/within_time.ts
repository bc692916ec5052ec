/**
 * Work in a native thread, which nothing can stop, as a promise that settles all the same: when the
 * work is done, when a signal says so, or when a limit has passed. The thread itself goes on until it
 * is done or the process ends.
 */

/**
 * What `work` gives, unless a limit passes or a signal stops it first.
 *
 * @param limit milliseconds.
 * @param failure the error to throw: of the work's own error, or of `undefined` after the limit.
 * @throws the signal's reason, or what `failure` makes.
 */
export async function withinTime<T>(
  work: () => Promise<T>,
  limit: number,
  failure: (cause: unknown) => Error,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal!.reason);
  signal?.addEventListener("abort", stop);
  // The longest delay that timers know is 2³¹ − 1 ms.
  const timer = setTimeout(() => reject(failure(undefined)), Math.min(limit, 2 ** 31 - 1));
  try {
    return await Promise.race([work().catch((cause) => Promise.reject(failure(cause))), stopped]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
