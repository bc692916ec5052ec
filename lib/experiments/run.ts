/**
 * Works through tasks: each is kept as soon as it is finished, so that a run goes on where an earlier one
 * stopped and does nothing twice. Several processes may work on one store, on one machine or on many: each
 * task is claimed by the one that makes it, and the others go on with the next.
 */

import { setTimeout } from "node:timers/promises";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../util/progress.ts";
import { MeasurementError, type MeasurementStore } from "./measurement_store.ts";
import { type Found, type Measurement, measurementId, type Task } from "./task.ts";

/** What tasks are worked through with. */
export interface TaskRunOptions extends Watch {
  /** Where measurements are kept. */
  readonly store: MeasurementStore;
  /** What measures, for the record. */
  readonly engine: Pick<Engine, "name" | "details">;
  /** Whether to make measurements that are not in the store; default: yes. */
  readonly measureMissing?: boolean;
}

/** The measurements of all tasks, and how many of them this run had to make. */
export interface TasksRun {
  /** In the order of the tasks. */
  readonly measurements: readonly Measurement[];
  /** How many this run had to make. */
  readonly made: number;
}

/** Milliseconds between looks at what other processes make: at first, and at most. */
const PAUSE = { first: 20, longest: 2000 };

/**
 * The measurements of all tasks: the ones in the store, the missing ones made now in the order of the
 * tasks, and those that other processes are making, which are waited for.
 *
 * @param tasks each after those that it needs.
 * @throws {MeasurementError} if one is missing and is not to be made, or a stored one cannot be read.
 *
 * @example
 * ```ts
 * import { MeasurementStore, onnxEngine, runTasks } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const store = new MeasurementStore("results/measurements");
 * const { measurements, made } = await runTasks([], { store, engine: onnxEngine() });
 * assert.deepEqual([measurements, made], [[], 0]);
 * ```
 */
export async function runTasks(tasks: readonly Task[], options: TaskRunOptions): Promise<TasksRun> {
  const run = new Run(tasks.length, options);
  let waiting: readonly Task[] = tasks;
  for (let pause = PAUSE.first;; pause = Math.min(2 * pause, PAUSE.longest)) {
    const left: Task[] = [];
    for (const task of waiting) if (!await run.finish(task)) left.push(task);
    if (left.length === 0) break;
    if (left.length < waiting.length) pause = PAUSE.first;
    await setTimeout(pause, undefined, { signal: options.signal }).catch(() => {});
    options.signal?.throwIfAborted();
    waiting = left;
  }
  const measurements = tasks.map((task) => run.finished.get(task)!);
  if (options.measureMissing ?? true) {
    await options.store.clearClaims(measurements.map(({ id }) => id));
  }
  return { measurements, made: run.made };
}

class Run {
  readonly finished = new Map<Task, Measurement>();
  made = 0;

  constructor(readonly total: number, readonly options: TaskRunOptions) {}

  /** Whether a task is finished now: found, or made here. Else another process is at it, or at one it needs. */
  async finish(task: Task): Promise<boolean> {
    const { store, signal, measureMissing = true } = this.options;
    signal?.throwIfAborted();
    if (task.needs.some((each) => !this.finished.has(each))) return false;
    const key = await task.key(this.#found);
    const stored = await store.get(task.kind, key);
    if (stored) return this.#keep(task, stored);
    if (!measureMissing) throw missing(task, store);
    const id = measurementId(task.kind.name, key);
    await using claim = await store.claim(id);
    if (claim === null) return false;
    // Another process may have finished it between the look and the claim.
    const measurement = await store.get(task.kind, key) ?? await this.#make(task, key, id);
    return this.#keep(task, measurement);
  }

  async #make(task: Task, key: unknown, id: string): Promise<Measurement> {
    const { store, engine, signal, onProgress } = this.options;
    const finished = { done: this.finished.size, resumed: this.finished.size - this.made };
    const watch: Watch = {
      signal,
      // On a large pair one task takes minutes: its own steps show that it goes on.
      onProgress: ({ done, total, label, bytes }) =>
        onProgress?.({
          ...finished,
          total: this.total,
          label: `${task.label}: ${done} of ${total}, ${label}`,
          ...bytes ? { bytes } : {},
        }),
    };
    const path = store.filePath(task.kind, id);
    const result = await task.measure(this.#found, path, watch, store.statePath(id));
    const { name, details } = engine;
    const measurement = { id, kind: task.kind.name, key, engine: name, device: details, result };
    await store.put(measurement, task.label);
    this.made++;
    return measurement;
  }

  #keep(task: Task, measurement: Measurement): true {
    this.finished.set(task, measurement);
    const done = this.finished.size;
    const { onProgress } = this.options;
    onProgress?.({ done, total: this.total, resumed: done - this.made, label: task.label });
    return true;
  }

  readonly #found: Found = <Key, Result>(task: Task<Key, Result>) => {
    // Kept under the task whose kind its key and result are of.
    const measurement = this.finished.get(task) as Measurement<Key, Result>;
    return { measurement, path: this.options.store.filePath(task.kind, measurement.id) };
  };
}

function missing(task: Task, store: MeasurementStore): MeasurementError {
  return new MeasurementError({
    problem: "lacks a measurement",
    file: store.directory,
    value: task.label,
    expected: "a finished run with the same settings, checkpoints, engine and code",
  });
}
