/**
 * What a job for a worker is, and how it is asked for and answered.
 *
 * A job is a function of a module that a worker imports by its URL, over arguments that can be cloned. Memory
 * that both sides are to see goes along as a `SharedArrayBuffer`. Not here: who runs it (`worker_pool.ts`).
 */

import type { Fault } from "./errors.ts";

/**
 * Work that a worker can do.
 *
 * @example
 * ```ts
 * // In a module of its own:
 * const sumOf: Job<[numbers: Float64Array], number> = {
 *   module: import.meta.url,
 *   name: "sumOf",
 *   run: (numbers) => numbers.reduce((sum, each) => sum + each, 0),
 * };
 * ```
 */
export interface Job<Arguments extends readonly unknown[], Result> {
  /** `import.meta.url` of the module that exports this object. */
  readonly module: string;
  /** The name that it is exported by. */
  readonly name: string;
  /** Does the work, where the caller is or in a worker; an `InputError` that it throws crosses as one. */
  readonly run: (...given: Arguments) => Result | Promise<Result>;
  /** What of a result moves to the caller instead of being copied. */
  readonly moved?: (result: Result) => readonly ArrayBuffer[];
}

/** A job to run. */
export interface JobRequest {
  readonly module: string;
  readonly name: string;
  readonly given: readonly unknown[];
}

/**
 * What crosses between threads, both ways, in a map of one entry: what lies open in a message is searched for
 * ports by Deno, element by element, a second for each megabyte.
 */
export type Parcel<Content> = ReadonlyMap<"content", Content>;

/** Wraps what crosses. */
export function parcel<Content>(content: Content): Parcel<Content> {
  return new Map([["content", content]]);
}

/** What came of it. */
export type JobAnswer =
  | { readonly value: unknown }
  | {
    /** The parts of an error; cloning one would lose its class. */
    readonly thrown: { readonly name: string; readonly message: string; readonly stack?: string };
    /** Of one of this library's errors. */
    readonly fault?: Fault;
  };
