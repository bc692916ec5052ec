/**
 * A client of Deno's Jupyter kernel: starts one, runs code in it, and loses nothing of what it says.
 * What the messages become in a notebook is `outputs.ts`.
 */

import { KernelError } from "./errors.ts";
import { KernelProcess } from "./kernel_process.ts";
import { type Message, MessageCodec } from "./messages.ts";
import type { JsonObject } from "./notebook.ts";
import { KernelSockets } from "./sockets.ts";

/** Milliseconds within which a kernel must answer after its start; it takes a few hundred. */
const START_LIMIT = 60_000;
/** Milliseconds between two attempts to be heard by a kernel that starts. */
const START_AGAIN = 50;
/** Milliseconds without a message after a cell is done until the next is sent. */
const PAUSE = 5;
/** Milliseconds without a message after which a kernel has said all. */
const SILENCE = 50;
/** Milliseconds in which a kernel may end by itself when asked. */
const SHUTDOWN_LIMIT = 1000;

/** How a kernel answers a request. */
export interface Reply {
  status: "ok" | "error";
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

interface Request {
  receive: (message: Message) => void;
  replied: PromiseWithResolvers<Reply>;
  idle: PromiseWithResolvers<void>;
}

/** A running kernel. */
export class Kernel implements AsyncDisposable {
  readonly #process: KernelProcess;
  readonly #codec: MessageCodec;
  readonly #sockets: KernelSockets;
  readonly #requests = new Map<string, Request>();
  readonly #failed = new AbortController();
  #lastMessage = 0;

  private constructor(process: KernelProcess) {
    this.#process = process;
    this.#codec = new MessageCodec(process.connection.key);
    this.#sockets = new KernelSockets(
      process.connection,
      (frames) => this.#receive(this.#codec.decode(frames)),
      (error) => this.#failed.abort(error),
    );
    process.ended.then(({ code, log }) =>
      this.#failed.abort(
        new KernelError({
          problem: "the kernel ended before it was told to",
          value: `exit code ${code}${log.map((line) => `\n${line}`).join("")}`,
          expected: "a kernel that runs until the notebook is done",
        }),
      )
    );
  }

  /**
   * Starts a kernel, and settles when both its answers and its outputs arrive here.
   *
   * @param folder its working folder: the notebook's.
   * @throws {KernelError} if it does not start; the signal's reason.
   */
  static async start(folder: string, signal?: AbortSignal): Promise<Kernel> {
    signal?.throwIfAborted();
    const kernel = new Kernel(await KernelProcess.start(folder));
    try {
      await kernel.#untilHeard(signal);
      return kernel;
    } catch (error) {
      await kernel.#end();
      throw error;
    }
  }

  /**
   * Runs a cell's code, and settles when the kernel says that it is done. Outputs may come later:
   * see {@linkcode settled}.
   *
   * @param receive is given the cell's messages in their order, also those that come while others run.
   * @returns the kernel's answer; an error that the code throws is such an answer.
   * @throws {KernelError} if the kernel ends; the signal's reason.
   */
  async execute(
    code: string,
    receive: (message: Message) => void,
    signal?: AbortSignal,
  ): Promise<Reply> {
    const reply = await this.#send(
      "execute_request",
      {
        code,
        silent: false,
        store_history: true,
        user_expressions: {},
        allow_stdin: false,
        stop_on_error: true,
      },
      receive,
      signal,
    );
    await this.#silent(PAUSE, signal);
    return reply;
  }

  /**
   * Settles when nothing more is to come: a kernel may publish a cell's result after saying that it is
   * idle.
   *
   * @throws {KernelError} if the kernel ends; the signal's reason.
   */
  async settled(signal?: AbortSignal): Promise<void> {
    await this.#silent(SILENCE, signal);
  }

  /** Ends the kernel: asks it to, and kills it if it does not. Settles when it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sockets.control(this.#codec.encode("shutdown_request", { restart: false }).frames);
    await Promise.race([this.#process.ended, sleep(SHUTDOWN_LIMIT)]);
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#sockets.close();
    await this.#process.kill();
  }

  /** Asks until an answer's end is seen on the channel of the outputs, which joins late. */
  async #untilHeard(signal?: AbortSignal): Promise<void> {
    const limit = AbortSignal.timeout(START_LIMIT);
    const until = signal ? AbortSignal.any([signal, limit]) : limit;
    let heard = false;
    try {
      while (!heard) {
        const answered = this.#send("kernel_info_request", {}, () => {}, until);
        heard = await this.#race(
          Promise.race([answered.then(() => true), sleep(START_AGAIN).then(() => false)]),
          until,
        );
      }
    } catch (error) {
      if (!limit.aborted) throw error;
      throw new KernelError({
        problem: "the kernel does not answer",
        value: `nothing for ${START_LIMIT / 1000} s`,
        expected: "an answer to kernel_info_request",
      });
    }
  }

  async #silent(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const from = performance.now();
    for (let left = milliseconds; left > 0;) {
      await this.#race(sleep(left), signal);
      left = milliseconds - (performance.now() - Math.max(from, this.#lastMessage));
    }
  }

  async #send(
    type: string,
    content: JsonObject,
    receive: (message: Message) => void,
    signal?: AbortSignal,
  ): Promise<Reply> {
    const { id, frames } = this.#codec.encode(type, content);
    const request: Request = {
      receive,
      replied: Promise.withResolvers(),
      idle: Promise.withResolvers(),
    };
    this.#requests.set(id, request);
    await this.#sockets.request(frames);
    const [reply] = await this.#race(
      Promise.all([request.replied.promise, request.idle.promise]),
      signal,
    );
    return reply;
  }

  #receive(message: Message): void {
    this.#lastMessage = performance.now();
    const request = this.#requests.get(message.parent);
    if (!request) return;
    if (message.type.endsWith("_reply")) {
      request.replied.resolve(message.content as unknown as Reply);
    } else if (message.type !== "status") {
      request.receive(message);
    } else if (message.content.execution_state === "idle") {
      request.idle.resolve();
    }
  }

  /** `promise`, unless the kernel fails or the signal is raised first. */
  async #race<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
    const stop = signal ? AbortSignal.any([this.#failed.signal, signal]) : this.#failed.signal;
    // Whatever becomes of it after a stop is of no more interest.
    promise.catch(() => {});
    const stopped = Promise.withResolvers<never>();
    const raise = () => stopped.reject(stop.reason);
    stop.addEventListener("abort", raise, { once: true });
    try {
      stop.throwIfAborted();
      return await Promise.race([promise, stopped.promise]);
    } finally {
      stop.removeEventListener("abort", raise);
    }
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
