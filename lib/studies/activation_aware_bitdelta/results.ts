/**
 * Measurements gathered into the numbers of a paper: one row for a method on a pair and a domain,
 * averaged over seeds, with intervals over documents.
 */

import { median } from "simple-statistics";
import type { Interval } from "../../evaluation/bootstrap.ts";
import {
  against,
  type Compared,
  type Quality,
  qualityOf,
  type Runs,
} from "../../experiments/quality.ts";
import type { CompressedModel, ScoredModel } from "../../experiments/scored_model.ts";
import { medianAndRange, type Timing } from "../../experiments/timing.ts";
import type { Domain } from "../../texts/domains.ts";
import { canonical } from "../../util/canonical.ts";
import { calibrationSize, studyMethods, type StudyTask } from "./plan.ts";
import type { StudyMeasurement } from "./run.ts";

/** A method on a pair and a domain. */
export interface QualityResult extends Quality {
  /** The pair's name. */
  readonly pair: string;
  /** Domain of the scored text. */
  readonly domain: Domain;
  /** How the model was made: `"base"`, `"fine"`, or the name of a method. */
  readonly method: string;
  /** `null` for a method of one form. */
  readonly variant: string | null;
  /** Token rows of calibration; `null` for a method that has no such sweep. */
  readonly calibrationSize: number | null;
  /** Perplexity relative to the fine-tune's, minus 1, paired over documents. */
  readonly againstFine: Interval;
  /** The same against the initial scales. */
  readonly againstInitial: Interval;
  /** The same against distillation of the same variant; `null` where there is none. */
  readonly againstDistilled: Interval | null;
  /** KL relative to that of the initial scales, minus 1, paired over documents. */
  readonly klAgainstInitial: Interval;
  /** Agreement less that of the initial scales, paired over documents. */
  readonly agreementAgainstInitial: Interval;
}

/** What a calibration of a pair cost. */
export interface CostResult {
  /** The pair's name. */
  readonly pair: string;
  /** How the delta was made. */
  readonly method: string;
  /** As in {@linkcode QualityResult}. */
  readonly variant: string | null;
  /** As in {@linkcode QualityResult}. */
  readonly calibrationSize: number | null;
  /** One of each seed's compression, then the repeats. */
  readonly timing: Timing;
  /** Their median. */
  readonly seconds: number;
  /** Median over seeds of the bytes of the process at the end. */
  readonly memory: number;
  /** Bytes of the delta. */
  readonly deltaBytes: number;
  /** Bytes of the fine-tune's weights. */
  readonly fineBytes: number;
}

/** One point of Figure 1: the median of the repeats, and their range. */
export interface WallClockResult {
  /** The pair's name. */
  readonly pair: string;
  /** How the delta was made. */
  readonly method: string;
  /** As in {@linkcode QualityResult}. */
  readonly variant: string | null;
  /** Sequences that run at once. */
  readonly batchSize: number;
  /** Steps of distillation; `null` for a method without. */
  readonly steps: number | null;
  /** The repeats in their order, each of which went through all batch sizes. */
  readonly timing: Timing;
  /** Median of the repeats. */
  readonly seconds: number;
  /** Fastest and slowest of them. */
  readonly range: readonly [number, number];
}

/** Everything that figures, tables and claims are made from. */
export interface StudyResults {
  /** What all of it is gathered from. */
  readonly measurements: readonly StudyMeasurement[];
  /** What ran the graphs, by name: times hold for it alone. */
  readonly engine: string;
  /** Scores of every method on every pair and domain. */
  readonly quality: readonly QualityResult[];
  /** Costs of every calibration. */
  readonly cost: readonly CostResult[];
  /** The points of Figure 1. */
  readonly wallClock: readonly WallClockResult[];
}

/**
 * Gathers the measurements of a study.
 *
 * @example
 * ```ts
 * import { gatherResults } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { engine, quality } = gatherResults([], 1);
 * assert.deepEqual([engine, quality], ["nothing measured", []]);
 * ```
 */
export function gatherResults(
  measurements: readonly StudyMeasurement[],
  bootstrapSeed: number,
): StudyResults {
  const compressions = ofKind(measurements, "compression");
  return {
    measurements,
    engine: measurements[0]?.engine ?? "nothing measured",
    quality: qualityResults(ofKind(measurements, "evaluation"), bootstrapSeed),
    cost: costResults(compressions, ofKind(measurements, "timing")),
    wallClock: wallClockResults(ofKind(measurements, "wall clock")),
  };
}

type Evaluation = StudyMeasurement<"evaluation">;

function qualityResults(evaluations: readonly Evaluation[], seed: number): QualityResult[] {
  const groups = Map.groupBy(
    evaluations,
    ({ task }) => canonical([task.pair, task.domain, withoutSeed(task.model)]),
  );
  const runsOf = (sample: Evaluation, isIt: (model: ScoredModel) => boolean) => {
    const { pair, domain } = sample.task;
    const runs = evaluations.filter(({ task }) =>
      task.pair === pair && task.domain === domain && isIt(task.model)
    );
    return runs.length === 0 ? null : resultsOf(runs);
  };
  return [...groups.values()].map((group) => {
    const [first] = group;
    const { pair, domain, model } = first.task;
    const runs = resultsOf(group);
    const identity = identityOf(model);
    const standard = typeof model === "string" || model.seed === null ? null : runsOf(
      first,
      (each) => isOf(each, studyMethods.standard) && identityOf(each).variant === identity.variant,
    );
    const initial = runsOf(first, (each) => isOf(each, studyMethods.start))!;
    const to = (others: Runs, compared: Compared) => against(runs, others, compared, seed);
    return {
      pair,
      domain,
      ...identity,
      ...qualityOf(runs, seed),
      againstFine: to(runsOf(first, (each) => each === "fine")!, "perplexity"),
      againstInitial: to(initial, "perplexity"),
      againstDistilled: standard && to(standard, "perplexity"),
      klAgainstInitial: to(initial, "kl"),
      agreementAgainstInitial: to(initial, "agreement"),
    };
  });
}

/** At least one run: every group has one. */
function resultsOf(measurements: readonly Evaluation[]): Runs {
  const [first, ...others] = measurements.map(({ result }) => result);
  return [first, ...others];
}

type TimedTask = "timing" | "wall clock";

/** Of each compression that was timed. */
function costResults(
  compressions: readonly StudyMeasurement<"compression">[],
  timings: readonly StudyMeasurement<"timing">[],
): CostResult[] {
  const keyOf = ({ task }: StudyMeasurement<"compression" | "timing">) =>
    canonical([task.pair, withoutSeed(task.model)]);
  const bytesOf = Map.groupBy(compressions, keyOf);
  return Array.from(Map.groupBy(timings, keyOf), ([key, timed]) => {
    const { pair, model } = timed[0].task;
    const timing = timingOf(timed);
    const results = bytesOf.get(key)!.map(({ result }) => result);
    const first = timed.filter(({ task }) => task.repeat === 0);
    return {
      pair,
      ...identityOf(model),
      timing,
      seconds: medianAndRange(timing).value,
      memory: median(first.map(({ result }) => result.memory)),
      deltaBytes: median(results.map(({ deltaBytes }) => deltaBytes)),
      fineBytes: median(results.map(({ fineBytes }) => fineBytes)),
    };
  });
}

function wallClockResults(
  timings: readonly StudyMeasurement<"wall clock">[],
): WallClockResult[] {
  const groups = Map.groupBy(
    timings,
    ({ task }) => canonical([task.pair, withoutSeed(task.model), task.batchSize]),
  );
  return [...groups.values()].map((runs) => {
    const { pair, model, batchSize } = runs[0].task;
    const timing = timingOf(runs);
    const { value, low, high } = medianAndRange(timing);
    const { method, variant } = identityOf(model);
    const { steps } = model.settings;
    return {
      pair,
      method,
      variant,
      batchSize,
      steps: typeof steps === "number" ? steps : null,
      timing,
      seconds: value,
      range: [low, high],
    };
  });
}

/** Seconds by repeat, and those of a compression itself by seed. */
function timingOf(runs: readonly StudyMeasurement<TimedTask>[]): Timing {
  const [first, ...others] = runs
    .toSorted(({ task: a }, { task: b }) =>
      a.repeat - b.repeat || (a.model.seed ?? 0) - (b.model.seed ?? 0)
    )
    .map(({ result }) => result.seconds);
  return [first, ...others];
}

function ofKind<Kind extends StudyTask["kind"]>(
  measurements: readonly StudyMeasurement[],
  kind: Kind,
): StudyMeasurement<Kind>[] {
  return measurements.filter(({ task }) => task.kind === kind) as StudyMeasurement<Kind>[];
}

function withoutSeed(model: ScoredModel): unknown {
  return typeof model === "string" ? model : { ...model, seed: null };
}

function isOf(model: ScoredModel, method: string): model is CompressedModel {
  return typeof model !== "string" && model.method === method;
}

/** What a reader tells models apart by. */
function identityOf(
  model: ScoredModel,
): Pick<QualityResult, "method" | "variant" | "calibrationSize"> {
  if (typeof model === "string") return { method: model, variant: null, calibrationSize: null };
  const { method, variant } = model;
  return { method, variant, calibrationSize: calibrationSize(model) };
}
