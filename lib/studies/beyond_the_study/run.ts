/** Runs the study: what its protocol plans, as tasks that are kept as soon as they are finished. */

import { join } from "node:path";
import type { ScoreSummary } from "../../evaluation/scores.ts";
import type { Fidelity } from "../../experiments/delta_fidelity.ts";
import type { CompressionResult } from "../../experiments/measurement_schema.ts";
import type { MeasurementStore } from "../../experiments/measurement_store.ts";
import type { BenchPair } from "../../experiments/open_pair.ts";
import { runTasks } from "../../experiments/run.ts";
import type { CompressedModel } from "../../experiments/scored_model.ts";
import type { Measurement, Task } from "../../experiments/task.ts";
import {
  type CompressionTask,
  compressionTask,
  evaluationTask,
  fidelityTask,
} from "../../experiments/tasks.ts";
import { Workbench } from "../../experiments/workbench.ts";
import type { Engine } from "../../graph/engine.ts";
import { canonical } from "../../util/canonical.ts";
import type { Watch } from "../../util/progress.ts";
import { calibrationsOf } from "./pair_texts.ts";
import { type BeyondTask, planBeyond, type PlannedPair } from "./plan.ts";
import type { BeyondProtocol } from "./protocol.ts";
import { scaledPair } from "./scaled_pair.ts";

/** What the study runs with. */
export interface BeyondOptions extends Watch {
  /** What is measured. */
  readonly protocol: BeyondProtocol;
  /** Where measurements are kept; several processes may work on one store. */
  readonly store: MeasurementStore;
  /** Runs the graphs. */
  readonly engine: Engine;
  /** Whether to make measurements that are not in the store; default: yes. */
  readonly measureMissing?: boolean;
}

/** A task's result, by its kind. */
export interface BeyondResults {
  /** How making a delta went. */
  readonly "compression": CompressionResult;
  /** How near it is to the fine-tune's. */
  readonly "fidelity": Fidelity;
  /** Scores of a model. */
  readonly "evaluation": ScoreSummary;
}

/** A finished measurement, by the kind of its task. */
export type BeyondMeasurement<Kind extends BeyondTask["kind"] = BeyondTask["kind"]> = {
  [K in Kind]:
    & Omit<Measurement, "result">
    & { readonly task: Extract<BeyondTask, { kind: K }>; readonly result: BeyondResults[K] };
}[Kind];

/** The measurements of a run, and how many of them it had to make. */
export interface BeyondRun {
  /** Pair by pair, in the order of the protocol. */
  readonly measurements: readonly BeyondMeasurement[];
  /** How many this run had to make. */
  readonly made: number;
}

/**
 * All measurements that the protocol asks for: the ones in the store, and the missing ones made now.
 *
 * @throws {CheckpointError} and others, if a pair cannot be opened.
 * @throws {TextError} if a text is too short.
 * @throws {MeasurementError} if one is missing and is not to be made.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, MeasurementStore, onnxEngine, runBeyond } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const protocol = chooseBeyondProtocol({ profile: "quick" });
 * const store = new MeasurementStore("no/such/folder");
 * // What was not measured before would take a minute.
 * const run = runBeyond({ protocol, store, engine: onnxEngine(), measureMissing: false });
 * await assert.rejects(run, /lacks a measurement/);
 * ```
 */
export async function runBeyond(options: BeyondOptions): Promise<BeyondRun> {
  const { protocol, engine, store, onProgress } = options;
  const { windows, evaluationCharacters } = protocol;
  const planned = planBeyond(protocol);
  const measurements: BeyondMeasurement[] = [];
  let made = 0;
  for (const [planOf, tasks] of Map.groupBy(planned, ({ pair }) => pair)) {
    const before = { done: measurements.length, resumed: measurements.length - made };
    const pair = await scaledPair(engine, planOf, join(store.directory, "scaled"), options);
    const { texts } = pair;
    const calibrations = calibrationsOf(texts);
    const textOptions = { texts, windows, evaluationCharacters, calibrations };
    await using bench = new Workbench(engine, textOptions, undefined, options);
    const run = await runTasks(tasksOf(tasks, pair, bench), {
      ...options,
      onProgress: (progress) =>
        onProgress?.({
          ...progress,
          done: before.done + progress.done,
          resumed: before.resumed + (progress.resumed ?? 0),
          total: planned.length,
        }),
    });
    made += run.made;
    run.measurements.forEach((measurement, index) =>
      // Made by the task of this index: its result is of that kind, which the compiler cannot see.
      measurements.push({ ...measurement, task: tasks[index] } as BeyondMeasurement)
    );
  }
  return { measurements, made };
}

function tasksOf(planned: readonly BeyondTask[], pair: PlannedPair, bench: Workbench): Task[] {
  const compressions = new Map<string, CompressionTask>();
  const scored = planned.flatMap((task) => task.kind === "evaluation" ? [task.domain] : []);
  const { name, base, fine } = pair;
  const opened: BenchPair = { name, base, fine, domains: [...new Set(scored)] };
  const compressionOf = (model: CompressedModel) => {
    const key = canonical(model);
    const task = compressions.get(key) ?? compressionTask(bench, opened, model);
    compressions.set(key, task);
    return { task, model };
  };
  return planned.map((task): Task => {
    switch (task.kind) {
      case "compression":
        return compressionOf(task.model).task;
      case "fidelity":
        return fidelityTask(bench, opened, compressionOf(task.model));
      case "evaluation": {
        const { model, domain } = task;
        const scored = typeof model === "string" ? model : compressionOf(model);
        return evaluationTask(bench, opened, scored, domain);
      }
    }
  });
}
