/** What ends a request from outside: its signal and its deadlines. */

import type { Clock } from "./clock.ts";
import type { ServingRequest } from "./request.ts";

/** Who is told. */
export interface RequestWatch {
  /** Its signal says so, for a reason. */
  aborted(reason: unknown): void;
  /** The time for its first token is over. */
  firstIsLate(): void;
  /** The time for all of it is over. */
  isLate(): void;
}

/**
 * Waits for all of these.
 *
 * @returns what stops waiting.
 */
export function watchRequest(
  { signal, firstWithin, wholeWithin }: ServingRequest,
  clock: Clock,
  watch: RequestWatch,
): () => void {
  const undo: (() => void)[] = [];
  if (signal !== undefined) {
    const abort = () => watch.aborted(signal.reason);
    signal.addEventListener("abort", abort);
    undo.push(() => signal.removeEventListener("abort", abort));
  }
  if (firstWithin !== undefined) undo.push(clock.after(firstWithin, () => watch.firstIsLate()));
  if (wholeWithin !== undefined) undo.push(clock.after(wholeWithin, () => watch.isLate()));
  return () => undo.forEach((each) => each());
}
