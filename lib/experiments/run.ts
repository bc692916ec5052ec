/**
 * Runs a study: a list of measurements, each kept as soon as it is finished, so that a run goes on
 * where an earlier one stopped and does nothing twice.
 */

import type { StudyTexts } from "../texts/study_texts.ts";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../util/progress.ts";
import { measuringCodeHash } from "./code_hash.ts";
import { type FindDelta, measure } from "./measure.ts";
import {
  type Circumstances,
  describeTask,
  type Measurement,
  measurementKey,
  type Task,
} from "./measurement.ts";
import { MeasurementError, type MeasurementStore } from "./measurement_store.ts";
import { isCalibrated } from "./method.ts";
import { OpenPair } from "./open_pair.ts";
import { planTasks, type StudyPart } from "../studies/activation_aware_bitdelta/plan.ts";
import type { Protocol } from "../studies/activation_aware_bitdelta/protocol.ts";

/** What a study runs with. */
export interface StudyOptions extends Watch {
  /** What is measured. */
  protocol: Protocol;
  /** Default: the whole study. */
  part?: StudyPart;
  /** Where measurements are kept. */
  store: MeasurementStore;
  /** Runs the graphs. */
  engine: Engine;
  /** What is scored and calibrated with. */
  texts: StudyTexts;
  /** Whether to make measurements that are not in the store; default: yes. */
  measureMissing?: boolean;
}

/** The measurements of a study, and how many of them this run had to make. */
export interface StudyRun {
  /** In the order of the protocol. */
  readonly measurements: readonly Measurement[];
  /** How many this run had to make. */
  readonly made: number;
}

/**
 * All measurements that the protocol asks for, or those of one part: the ones in the store, and the
 * missing ones made now.
 *
 * @throws {CheckpointError} and others, if a pair cannot be opened.
 * @throws {TextError} if a text is too short, before anything is measured on its pair.
 * @throws {MeasurementError} if one is missing and is not to be made.
 */
export async function runStudy(options: StudyOptions): Promise<StudyRun> {
  const { protocol, part, store, engine, texts, measureMissing = true, onProgress, signal } =
    options;
  const tasks = planTasks(protocol, part);
  const codeHash = await measuringCodeHash();
  const measurements: Measurement[] = [];
  let made = 0;
  let pair: OpenPair | undefined;
  try {
    for (const task of tasks) {
      signal?.throwIfAborted();
      if (pair?.spec.name !== task.pair) {
        await pair?.close();
        pair = undefined;
        const spec = protocol.pairs.find(({ name }) => name === task.pair)!;
        pair = await OpenPair.open(spec, engine, texts, protocol);
      }
      const circumstances = await circumstancesOf(task, pair, codeHash);
      const key = measurementKey(task, circumstances);
      let measurement = await store.get(key);
      // A calibration whose delta was deleted has to be made again.
      if (task.kind === "calibration" && !await store.hasDelta(key)) measurement = undefined;
      if (!measurement && !measureMissing) throw missing(task, store);
      if (!measurement) {
        await checkTexts(tasks, pair);
        const finished = { done: measurements.length, resumed: measurements.length - made };
        const result = await measure(task, pair, deltaOf(pair, store, codeHash), {
          signal,
          // On a large pair one task takes minutes: its own steps show that it goes on.
          onProgress: ({ done, total, label }) =>
            onProgress?.({
              ...finished,
              total: tasks.length,
              label: `${describeTask(task)}: ${done} of ${total}, ${label}`,
            }),
        });
        measurement = { key, task, circumstances, device: engine.details, result } as Measurement;
        await store.put(measurement);
        made++;
      }
      measurements.push(measurement);
      const done = measurements.length;
      onProgress?.({ done, total: tasks.length, resumed: done - made, label: describeTask(task) });
    }
  } finally {
    await pair?.close();
  }
  return { measurements, made };
}

/** Makes the texts that a pair is scored on: what is wrong with them is said before hours of timing. */
async function checkTexts(tasks: readonly Task[], pair: OpenPair): Promise<void> {
  for (const task of tasks) {
    if (task.kind === "evaluation" && task.pair === pair.spec.name) await pair.text(task.domain);
  }
}

/** A calibration's delta lies beside its measurement, under the same key. */
function deltaOf(pair: OpenPair, store: MeasurementStore, codeHash: string): FindDelta {
  return async (method) => {
    const task = { kind: "calibration" as const, pair: pair.spec.name, method };
    const key = measurementKey(task, await circumstancesOf(task, pair, codeHash));
    const made = await store.get(key) as Measurement<"calibration"> | undefined;
    return { path: store.deltaPath(key), digest: made?.result.deltaDigest ?? null };
  };
}

async function circumstancesOf(
  task: Task,
  pair: OpenPair,
  codeHash: string,
): Promise<Circumstances> {
  return {
    ...await pair.hashes(),
    scoredHash: task.kind === "evaluation" ? await pair.scoredHash(task.domain) : null,
    calibrationHash: isCalibrated(task.method)
      ? await pair.calibrationHash(task.method.seed)
      : null,
    windows: pair.protocol.windows,
    engine: pair.pair.engine.name,
    codeHash,
  };
}

function missing(task: Task, store: MeasurementStore): MeasurementError {
  return new MeasurementError({
    problem: "lacks a measurement",
    file: store.directory,
    value: describeTask(task),
    expected: "a finished run of `reproduce` with the same protocol, checkpoints and code",
  });
}
