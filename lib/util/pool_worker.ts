/**
 * What a worker of the pool does: it imports the module of a job, runs it, and answers with its result or
 * its error. Not here: which job, and when (`worker_pool.ts`).
 */

import { parentPort } from "node:worker_threads";
import { type Fault, InputError } from "./errors.ts";
import type { Job } from "./worker_pool.ts";

/** A job to run. */
export interface PoolRequest {
  readonly module: string;
  readonly name: string;
  readonly given: readonly unknown[];
}

/** What came of it. */
export type PoolAnswer =
  | { readonly value: unknown }
  | {
    /** The parts of an error; cloning one would lose its class. */
    readonly thrown: { readonly name: string; readonly message: string; readonly stack?: string };
    /** Of one of this library's errors. */
    readonly fault?: Fault;
  };

parentPort!.on("message", async ({ module, name, given }: PoolRequest) => {
  try {
    const job: Job<readonly unknown[], unknown> = (await import(module))[name];
    const value = await job.run(...given);
    parentPort!.postMessage({ value } satisfies PoolAnswer, [...job.moved?.(value) ?? []]);
  } catch (thrown) {
    parentPort!.postMessage(answerOf(thrown as Error));
  }
});

/** An error in parts that can be cloned, whatever it holds. */
function answerOf(thrown: Error): PoolAnswer {
  const { name, message, stack } = thrown;
  const parts = { name, message, stack };
  if (!(thrown instanceof InputError)) return { thrown: parts };
  const { value, cause, ...fault } = thrown.fault;
  return { thrown: parts, fault: { ...fault, ...cloned({ value }), ...cloned({ cause }) } };
}

/** A part of a fault, where it can be cloned; else as text. */
function cloned(part: Partial<Fault>): Partial<Fault> {
  const [[field, content]] = Object.entries(part);
  if (content === undefined) return {};
  try {
    return structuredClone(part);
  } catch {
    return { [field]: String(content) };
  }
}
