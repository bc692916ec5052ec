/**
 * What a worker of the pool does: it imports the module of a job, runs it, and answers with its result or
 * its error. Not here: which job, and when (`worker_pool.ts`).
 */

import { parentPort } from "node:worker_threads";
import { type Fault, InputError } from "./errors.ts";
import { type Job, type JobAnswer, type JobRequest, type Parcel, parcel } from "./job.ts";
import { weigh } from "./shared_bytes.ts";

parentPort!.on("message", async (request: Parcel<JobRequest>) => {
  const { module, name, given } = request.get("content")!;
  weigh(given);
  try {
    const job: Job<readonly unknown[], unknown> = (await import(module))[name];
    const value = await job.run(...given);
    answer({ value }, job.moved?.(value));
  } catch (thrown) {
    answer(answerOf(thrown as Error));
  }
});

function answer(answer: JobAnswer, moved: readonly ArrayBuffer[] = []): void {
  parentPort!.postMessage(parcel(answer), [...moved]);
}

/** An error in parts that can be cloned, whatever it holds. */
function answerOf(thrown: Error): JobAnswer {
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
