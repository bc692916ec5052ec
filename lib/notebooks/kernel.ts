/**
 * A client of Deno's Jupyter kernel: starts one, runs code in it, and loses nothing of what it says.
 * What the messages become in a notebook is `outputs.ts`.
 */

import { EndMarks } from "./end_mark.ts";
import { KernelError } from "./errors.ts";
import { KernelProcess } from "./kernel_process.ts";
import { type Message, MessageCodec } from "./messages.ts";
import type { JsonObject } from "./notebook.ts";
import { KernelSockets } from "./sockets.ts";
import { unlessAborted, within } from "./waiting.ts";

/** Milliseconds within which a kernel must answer after its start; it takes a few hundred. */
const START_LIMIT = 60_000;
/** Times that a start is tried. */
const START_ATTEMPTS = 3;
/** Milliseconds between two attempts to be heard by a kernel that starts. */
const START_AGAIN = 50;
/** Milliseconds in which a kernel may end by itself when asked. */
const SHUTDOWN_LIMIT = 1000;

/** How code runs that is none of a notebook's. */
const unseen = { store_history: false, silent: true };

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
  readonly #marks = new EndMarks();

  private constructor(process: KernelProcess, zeromq: typeof import("zeromq")) {
    this.#process = process;
    this.#codec = new MessageCodec(process.connection.key);
    this.#sockets = new KernelSockets(
      zeromq,
      process.connection,
      (frames) => this.#receive(this.#codec.decode(frames)),
      (error) => this.#failed.abort(error),
    );
    process.ended.then(({ code, log }) =>
      this.#failed.abort(
        new KernelError({
          problem: "the kernel ended before it was told to",
          value: [code === null ? "killed" : `exit code ${code}`, ...log].join("\n"),
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
    const zeromq = await import("zeromq");
    for (let attempt = 1;; attempt++) {
      signal?.throwIfAborted();
      const kernel = new Kernel(await KernelProcess.start(folder), zeromq);
      try {
        await kernel.#untilHeard(signal);
        await kernel.#execute(kernel.#marks.setup, unseen, () => {}, signal);
        return kernel;
      } catch (error) {
        await kernel.#end();
        // Another program may take a port between its choice and the kernel's start.
        if (!(error instanceof KernelError) || attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Runs a cell's code, and settles when the kernel has done it and all its outputs are here.
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
    const reply = await this.#execute(code, { store_history: true }, receive, signal);
    const mark = this.#marks.next();
    const marked = await this.#execute(
      mark.source,
      unseen,
      (message) => {
        if (!mark.isIn(message) && message.type !== "error") receive(message);
      },
      signal,
    );
    // A cell may have given another meaning to the little that is needed to say the word.
    if (marked.status === "ok") await unlessAborted(mark.heard, this.#stop(signal));
    return reply;
  }

  /** Ends the kernel: asks it to, and kills it if it does not. Settles when it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sockets.control(this.#codec.encode("shutdown_request", { restart: false }).frames);
    await within(SHUTDOWN_LIMIT, this.#process.ended);
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
    let heard: boolean | undefined;
    try {
      while (!heard) {
        const answered = this.#send("kernel_info_request", {}, () => {}, until);
        heard = await within(START_AGAIN, answered.then(() => true));
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

  async #execute(
    code: string,
    how: { store_history: boolean; silent?: boolean },
    receive: (message: Message) => void,
    signal?: AbortSignal,
  ): Promise<Reply> {
    const rest = { user_expressions: {}, allow_stdin: false, stop_on_error: true };
    return await this.#send(
      "execute_request",
      { code, silent: false, ...how, ...rest },
      receive,
      signal,
    );
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
    const [reply] = await unlessAborted(
      Promise.all([request.replied.promise, request.idle.promise]),
      this.#stop(signal),
    );
    return reply;
  }

  #receive(message: Message): void {
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

  /** Raised when the kernel fails, or `signal` is. */
  #stop(signal?: AbortSignal): AbortSignal {
    return signal ? AbortSignal.any([this.#failed.signal, signal]) : this.#failed.signal;
  }
}
