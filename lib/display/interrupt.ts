/**
 * Jupyter's Interrupt in Deno's kernel. It reaches the kernel as SIGINT, which ends a Deno process that
 * does not listen, and all state with it. From the first view that a cell shows the kernel listens: an
 * interrupt stops the operations that run, and where none does says that it cannot stop anything else.
 */

/** An operation that the user stopped. It has no stack: where it was is no fault. */
export class Interruption extends Error {
  /** Names the operation that was stopped: `"Calibration"`. */
  constructor(what: string) {
    super(`${what}: stopped by an interrupt`);
    this.name = "Interruption";
    this.stack = `${this.name}: ${this.message}`;
  }
}

/** What is written where there is nothing to stop: a kernel that ended would take all state with it. */
const NOTHING =
  "[nothing to interrupt: a cell without a progress bar runs to its end, or until the " +
  "kernel is restarted]";

/** What stops each operation that runs. */
const running = new Set<() => void>();
let listens = false;

/**
 * Runs an operation that an interrupt of the kernel stops. Outside of a kernel Ctrl-C is left as it is.
 *
 * @param what the operation, for the error: `"Calibration"`
 * @param action is given the signal that is raised.
 * @returns what the action returns
 * @throws {Interruption} if an interrupt stopped it; what the action throws.
 */
export async function interruptible<T>(
  what: string,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  surviveInterrupts();
  const controller = new AbortController();
  const stop = () => controller.abort(new Interruption(what));
  running.add(stop);
  try {
    return await action(controller.signal);
  } catch (error) {
    // Whatever an operation makes of its signal, a stop is what was asked for.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    running.delete(stop);
  }
}

/**
 * Keeps the kernel alive at an interrupt, from now on and for ever: also one that comes just after an
 * operation's end, or to a cell that cannot be stopped. Without effect outside of a kernel.
 */
export function surviveInterrupts(): void {
  if (listens || !isKernel()) return;
  listens = true;
  Deno.addSignalListener("SIGINT", () => {
    for (const stop of running) stop();
    // No display: after `broadcast` within a listener Deno 2.9 delivers no more signals.
    if (running.size === 0) console.error(NOTHING);
  });
}

/** Whether this is Deno's Jupyter kernel. */
export function isKernel(): boolean {
  try {
    return Boolean(Deno.jupyter);
  } catch {
    return false;
  }
}
