/**
 * The three sockets of a client of a Jupyter kernel, over npm's ZeroMQ: requests go out and answers
 * come in. What they mean is `kernel.ts`.
 *
 * Sockets are asked for messages every {@linkcode POLL_EVERY} milliseconds instead of awaited: awaiting
 * needs libuv's `uv_poll` and `uv_timer`, whose stand-ins in Deno 2.9 miss wake-ups (denoland/deno issue
 * 36317) and crash. With time limits of 0 ZeroMQ never uses them. Nothing is lost between two looks:
 * ZeroMQ's own thread receives meanwhile.
 */

import type { Dealer, Subscriber } from "zeromq";
import type { Connection } from "./kernel_process.ts";

/** Milliseconds between two looks at the sockets. */
const POLL_EVERY = 2;
/** Milliseconds of reading from one socket until the others, and whatever else waits, have their turn. */
const TURN = 10;

const settings = {
  // Neither reading nor writing waits.
  receiveTimeout: 0,
  // Nothing unsent keeps a closed socket open; no message is dropped for want of room.
  linger: 0,
  receiveHighWaterMark: 0,
  reconnectInterval: 20,
};

/** Client's ends of a kernel's shell, control and iopub channels. */
export class KernelSockets {
  readonly #shell: Dealer;
  readonly #control: Dealer;
  readonly #iopub: Subscriber;
  readonly #reading: Promise<void>;

  /**
   * @param zeromq the package, which is loaded for those that run a kernel alone.
   * @param receive is given the frames of every message that arrives.
   * @param fail is given what `receive` throws, or ZeroMQ; nothing more is read then.
   */
  constructor(
    zeromq: typeof import("zeromq"),
    connection: Connection,
    receive: (frames: Uint8Array[]) => void,
    fail: (error: unknown) => void,
  ) {
    this.#shell = new zeromq.Dealer({ ...settings, sendTimeout: 0 });
    this.#control = new zeromq.Dealer({ ...settings, sendTimeout: 0 });
    this.#iopub = new zeromq.Subscriber(settings);
    const at = (port: number) => `${connection.transport}://${connection.ip}:${port}`;
    this.#iopub.connect(at(connection.iopub_port));
    this.#iopub.subscribe();
    this.#shell.connect(at(connection.shell_port));
    this.#control.connect(at(connection.control_port));
    this.#reading = this.#read(receive).catch(fail);
  }

  /** Sends a request on the shell channel. */
  async request(frames: string[]): Promise<void> {
    await this.#shell.send(frames);
  }

  /** Sends a request on the control channel, which a busy kernel also reads. */
  async control(frames: string[]): Promise<void> {
    await this.#control.send(frames);
  }

  /** Closes all; settles when nothing is read any more. */
  async close(): Promise<void> {
    for (const socket of this.#all()) socket.close();
    await this.#reading;
  }

  async #read(receive: (frames: Uint8Array[]) => void): Promise<void> {
    while (!this.#iopub.closed) {
      let rest = POLL_EVERY;
      for (const socket of this.#all()) {
        const end = performance.now() + TURN;
        while (!socket.closed && socket.readable) {
          receive(await socket.receive());
          if (performance.now() < end) continue;
          rest = 0;
          break;
        }
      }
      // A timer, not a microtask: a kernel that never stops talking must not keep time limits waiting.
      await new Promise((resolve) => setTimeout(resolve, rest));
    }
  }

  #all(): (Dealer | Subscriber)[] {
    return [this.#iopub, this.#shell, this.#control];
  }
}
