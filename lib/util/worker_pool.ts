/**
 * Threads for work on bytes: a few workers that all of the library shares, started when there is a job for
 * them and kept, without holding the process up, until it ends. Not here: what a job is (`job.ts`), or any job.
 */

import { Worker } from "node:worker_threads";
import * as errors from "./errors.ts";
import { type Job, type JobAnswer, type JobRequest, type Parcel, parcel } from "./job.ts";

/** How a job is run. */
export interface JobOptions {
  /** Whether it runs at once on this thread: for so little work that sending it takes longer. */
  readonly inline?: boolean;
  /** What of the arguments moves to the worker instead of being copied; inline it stays. */
  readonly moved?: readonly ArrayBuffer[];
  /** Drops a job that has not begun. One that has is waited for, so that what it writes to is free again. */
  readonly signal?: AbortSignal;
}

/** Threads at most: beyond it memory is what they wait for. */
const MOST_WORKERS = 16;

/** A job that waits for a worker, or has one. */
interface Pending {
  readonly request: JobRequest;
  readonly moved: readonly ArrayBuffer[];
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Workers that run one job at a time each, first come, first served. */
class WorkerPool {
  readonly #size = Math.min(navigator.hardwareConcurrency, MOST_WORKERS);
  readonly #idle: PoolThread[] = [];
  readonly #waiting: Pending[] = [];
  #started = 0;

  /** How many jobs run at once. */
  get size(): number {
    return this.#size;
  }

  async run(request: JobRequest, moved: readonly ArrayBuffer[], signal?: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const pending = { request, moved, resolve, reject };
    const drop = () => {
      const place = this.#waiting.indexOf(pending);
      if (place < 0) return;
      this.#waiting.splice(place, 1);
      reject(signal!.reason);
    };
    signal?.addEventListener("abort", drop);
    this.#waiting.push(pending);
    this.#next();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", drop);
    }
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    const thread = this.#idle.pop() ?? this.#start();
    thread?.run(this.#waiting.shift()!);
  }

  #start(): PoolThread | null {
    if (this.#started === this.#size) return null;
    this.#started++;
    const thread: PoolThread = new PoolThread((usable) => {
      if (usable) this.#idle.push(thread);
      else this.#started--;
      this.#next();
    });
    return thread;
  }
}

/** A worker and the job it is at; it holds the process up only while it has one. */
class PoolThread {
  readonly #worker = new Worker(new URL("./pool_worker.ts", import.meta.url));
  readonly #free: (usable: boolean) => void;
  #job: Pending | null = null;

  /** @param free called when it has done a job, with whether it can do another. */
  constructor(free: (usable: boolean) => void) {
    this.#free = free;
    this.#worker.unref();
    this.#worker.on("message", (answered: Parcel<JobAnswer>) => {
      const answer = answered.get("content")!;
      this.#done((job) =>
        "thrown" in answer ? job.reject(revived(answer)) : job.resolve(answer.value)
      );
    });
    this.#worker.on("error", (error: unknown) => this.#done((job) => job.reject(error), false));
  }

  run(job: Pending): void {
    this.#job = job;
    this.#worker.ref();
    try {
      this.#worker.postMessage(parcel(job.request), [...job.moved]);
    } catch (error) {
      // Arguments that cannot be cloned: it never began.
      this.#done(({ reject }) => reject(error));
    }
  }

  #done(settle: (job: Pending) => void, usable = true): void {
    const job = this.#job;
    this.#job = null;
    this.#worker.unref();
    if (job) settle(job);
    this.#free(usable);
  }
}

/** An error as the job threw it: of its class where it is one of this library's. */
function revived({ thrown, fault }: Extract<JobAnswer, { thrown: unknown }>): Error {
  if (fault === undefined) return Object.assign(new Error(thrown.message), thrown);
  const kinds = errors as unknown as Record<string, new (fault: errors.Fault) => errors.InputError>;
  return new kinds[thrown.name](fault);
}

const pool = new WorkerPool();

/** How many jobs run at the same time; more wait. */
export const POOL_SIZE: number = pool.size;

/**
 * Runs a job.
 *
 * @throws what the job throws, and the signal's reason.
 */
export async function runJob<Arguments extends readonly unknown[], Result>(
  job: Job<Arguments, Result>,
  given: Arguments,
  { inline = false, moved = [], signal }: JobOptions = {},
): Promise<Result> {
  signal?.throwIfAborted();
  const { module, name, run } = job;
  const result = inline
    ? await run(...given)
    : await pool.run({ module, name, given }, moved, signal) as Result;
  signal?.throwIfAborted();
  return result;
}
