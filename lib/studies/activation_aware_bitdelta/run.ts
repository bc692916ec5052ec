/** Runs the study: what its protocol plans, as tasks that are kept as soon as they are finished. */

import { circumstancesHere, storedCircumstances } from "../../experiments/machine.ts";
import type { MeasurementStore } from "../../experiments/measurement_store.ts";
import type { CompressionResult, Cost } from "../../experiments/measurement_schema.ts";
import { runTasks } from "../../experiments/run.ts";
import type { CompressedModel } from "../../experiments/scored_model.ts";
import type { Measurement, Task } from "../../experiments/task.ts";
import {
  type CompressionTask,
  compressionTask,
  evaluationTask,
  timingTask,
} from "../../experiments/tasks.ts";
import { Workbench } from "../../experiments/workbench.ts";
import type { ScoreSummary } from "../../evaluation/scores.ts";
import type { Engine } from "../../graph/engine.ts";
import type { StudyTexts } from "../../texts/study_texts.ts";
import { canonical } from "../../util/canonical.ts";
import type { Watch } from "../../util/progress.ts";
import { planTasks, type StudyPart, type StudyTask } from "./plan.ts";
import type { Protocol } from "./protocol.ts";

/** What a study runs with. */
export interface StudyOptions extends Watch {
  /** What is measured. */
  protocol: Protocol;
  /** Default: the whole study. */
  part?: StudyPart;
  /** Where measurements are kept; several processes may work on one store. */
  store: MeasurementStore;
  /** Runs the graphs. */
  engine: Engine;
  /** What is scored and calibrated with. */
  texts: StudyTexts;
  /**
   * Whether to make measurements that are not in the store; default: yes. Where not, times may be of another
   * kind of machine, as of a store that was copied here.
   */
  measureMissing?: boolean;
}

/** A task's result, by its kind. */
export interface Results {
  /** How making a delta went. */
  "compression": CompressionResult;
  /** Scores of a model. */
  "evaluation": ScoreSummary;
  /** One timing of Table 2. */
  "timing": Cost;
  /** One timing of Figure 1. */
  "wall clock": Cost;
}

/** A finished measurement of the study, by the kind of its task. */
export type StudyMeasurement<Kind extends StudyTask["kind"] = StudyTask["kind"]> = {
  [K in Kind]:
    & Omit<Measurement, "result">
    & { readonly task: Extract<StudyTask, { kind: K }>; readonly result: Results[K] };
}[Kind];

/** The measurements of a study, and how many of them this run had to make. */
export interface StudyRun {
  /** In the order of the protocol. */
  readonly measurements: readonly StudyMeasurement[];
  /** How many this run had to make. */
  readonly made: number;
}

/**
 * All measurements that the protocol asks for, or those of one part: the ones in the store, and the
 * missing ones made now.
 *
 * @throws {CheckpointError} and others, if a pair cannot be opened.
 * @throws {TextError} if a text is too short, before anything is measured on its pair.
 * @throws {MeasurementError} if one is missing and is not to be made, or times are of several kinds of machine
 * and none of them this.
 *
 * @example
 * ```ts
 * import {
 *   chooseProtocol,
 *   embeddedTexts,
 *   MeasurementStore,
 *   onnxEngine,
 *   runStudy,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const study = {
 *   protocol: chooseProtocol({ profile: "quick" }),
 *   store: new MeasurementStore("no/such/folder"),
 *   engine: onnxEngine(),
 *   texts: embeddedTexts,
 * };
 * // What was not measured before would take minutes.
 * await assert.rejects(runStudy({ ...study, measureMissing: false }), /lacks a measurement/);
 * ```
 */
export async function runStudy(options: StudyOptions): Promise<StudyRun> {
  const { protocol, part, engine, texts, store, measureMissing = true } = options;
  const { windows, evaluationCharacters } = protocol;
  const circumstances = measureMissing
    ? circumstancesHere(engine)
    : await storedCircumstances(store, engine);
  const textOptions = { texts, windows, evaluationCharacters };
  await using bench = new Workbench(engine, textOptions, circumstances, options);
  const planned = planTasks(protocol, part);
  const { measurements, made } = await runTasks(tasksOf(planned, protocol, bench), options);
  return {
    measurements: measurements.map((measurement, index) => ({
      ...measurement,
      task: planned[index],
      // Made by the task of this index: its result is of that kind, which the compiler cannot see.
    } as StudyMeasurement)),
    made,
  };
}

function tasksOf(planned: readonly StudyTask[], protocol: Protocol, bench: Workbench): Task[] {
  const compressions = new Map<string, CompressionTask>();
  const pairs = new Map(
    protocol.pairs.map((pair) => {
      const scored = planned.flatMap((task) =>
        task.kind === "evaluation" && task.pair === pair.name ? [task.domain] : []
      );

      return [pair.name, { ...pair, domains: [...new Set(scored)] }];
    }),
  );
  const compressionOf = (pair: string, model: CompressedModel) => {
    const name = canonical({ pair, model });
    const task = compressions.get(name) ?? compressionTask(bench, pairs.get(pair)!, model);
    compressions.set(name, task);
    return task;
  };
  return planned.map((task): Task => {
    const pair = pairs.get(task.pair)!;
    switch (task.kind) {
      case "compression":
        return compressionOf(task.pair, task.model);
      case "evaluation": {
        const { model, domain } = task;
        if (typeof model === "string") return evaluationTask(bench, pair, model, domain);
        const compressed = { model, task: compressionOf(task.pair, model) };
        return evaluationTask(bench, pair, compressed, domain);
      }
      case "timing": {
        const { model, repeat } = task;
        const made = repeat === 0 ? compressionOf(task.pair, model) : undefined;
        return timingTask(bench, pair, model, { repeat, made });
      }
      case "wall clock": {
        const { model, batchSize, repeat } = task;
        // A method without batches is timed once more for each: the timings are told apart by number.
        const { batchSizes } = protocol.wallClock;
        const number = repeat * batchSizes.length + batchSizes.indexOf(batchSize);
        const { settings } = model;
        const warmUp = "steps" in settings ? { ...settings, steps: 1 } : settings;
        return timingTask(bench, pair, model, { repeat: number, warmUp });
      }
    }
  });
}
