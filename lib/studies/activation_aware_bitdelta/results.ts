/**
 * Measurements gathered into the numbers of a paper: one row for a method on a pair and a domain,
 * averaged over seeds, with intervals over documents.
 */

import type { Variant } from "../../methods/calibrate.ts";
import { mean, median } from "simple-statistics";
import {
  agreementOf,
  bootstrapInterval,
  difference,
  type Interval,
  klOf,
  meanOverRuns,
  pairedBootstrapInterval,
  perplexityOf,
} from "../../evaluation/bootstrap.ts";
import type { ScoreSummary } from "../../evaluation/scores.ts";
import type { Domain } from "../../texts/domains.ts";
import type { CalibrationResult, Measurement } from "../../experiments/measurement.ts";
import { isCalibrated, type Method } from "../../experiments/method.ts";
import { medianAndRange, type Timing } from "../../experiments/timing.ts";

/** A method on a pair and a domain. */
export interface QualityResult {
  /** The pair's name. */
  readonly pair: string;
  /** Domain of the scored text. */
  readonly domain: Domain;
  /** How the model was made. */
  readonly method: Method["kind"];
  /** `null` for a method without calibration. */
  readonly variant: Variant | null;
  /** Token rows of an activation-aware calibration; `null` for other methods. */
  readonly calibrationSize: number | null;
  /** Calibration texts that the numbers are means over; 1 for a method without calibration. */
  readonly seedCount: number;
  /** Over seeds: exp of the mean of log perplexities; with its 95 % interval over documents. */
  readonly perplexity: Interval;
  /** Documents that intervals are over; of one alone they say nothing. */
  readonly documentCount: number;
  /** Lowest and highest perplexity of a single seed. */
  readonly seedRange: readonly [number, number];
  /** Perplexity relative to the fine-tune's, minus 1, paired over documents. */
  readonly againstFine: Interval;
  /** The same against the initial scales. */
  readonly againstInitial: Interval;
  /** The same against distillation of the same variant; `null` where there is none. */
  readonly againstDistilled: Interval | null;
  /** Mean KL(fine ‖ model) a token, in nats. */
  readonly kl: number;
  /** KL relative to that of the initial scales, minus 1, paired over documents. */
  readonly klAgainstInitial: Interval;
  /** Share of tokens with the fine-tune's first choice. */
  readonly agreement: number;
  /** Agreement less that of the initial scales, paired over documents. */
  readonly agreementAgainstInitial: Interval;
  /** Bits of information that the model needs for a byte of the text. */
  readonly bitsPerByte: number;
}

/** What a calibration of a pair cost. */
export interface CostResult {
  /** The pair's name. */
  readonly pair: string;
  /** How the delta was made. */
  readonly method: Method["kind"];
  /** As the study ran it, or corrected. */
  readonly variant: Variant;
  /** As in {@linkcode QualityResult}. */
  readonly calibrationSize: number | null;
  /** One of each seed, then the repeats. */
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
  readonly method: Method["kind"];
  /** As the study ran it, or corrected. */
  readonly variant: Variant;
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
  /** What ran the graphs, by name: times hold for it alone. */
  readonly engine: string;
  /** Scores of every method on every pair and domain. */
  readonly quality: readonly QualityResult[];
  /** Costs of every calibration. */
  readonly cost: readonly CostResult[];
  /** The points of Figure 1. */
  readonly wallClock: readonly WallClockResult[];
}

/** Gathers the measurements of a study. */
export function gatherResults(
  measurements: readonly Measurement[],
  bootstrapSeed: number,
): StudyResults {
  return {
    engine: measurements[0]?.circumstances.engine ?? "nothing measured",
    quality: qualityResults(ofKind(measurements, "evaluation"), bootstrapSeed),
    cost: costResults(ofKind(measurements, "calibration"), ofKind(measurements, "timing")),
    wallClock: wallClockResults(ofKind(measurements, "wall clock")),
  };
}

type Evaluation = Measurement<"evaluation">;

function qualityResults(evaluations: readonly Evaluation[], seed: number): QualityResult[] {
  const groups = Map.groupBy(
    evaluations,
    ({ task }) => [task.pair, task.domain, methodWithoutSeed(task.method)].join(" | "),
  );
  const runsOf = (sample: Evaluation, kind: Method["kind"]) => {
    const { pair, domain, method } = sample.task;
    const variant = variantOf(method);
    const runs = evaluations.filter(({ task }) =>
      task.pair === pair && task.domain === domain && task.method.kind === kind &&
      (kind !== "distilled" || variantOf(task.method) === variant)
    );
    return runs.length === 0 ? null : documentsOf(runs);
  };
  return [...groups.values()].map((runs) => {
    const [first] = runs;
    const { pair, domain, method } = first.task;
    const documents = documentsOf(runs);
    const perplexities = runs.map(({ result }) => result.perplexity);
    const distilled = isCalibrated(method) ? runsOf(first, "distilled") : null;
    const compare = (other: typeof documents) =>
      pairedBootstrapInterval(documents, other, perplexityOf, seed);
    const initial = runsOf(first, "initial")!;
    return {
      pair,
      domain,
      method: method.kind,
      variant: variantOf(method),
      calibrationSize: method.kind === "activation-aware" ? method.rows : null,
      seedCount: runs.length,
      perplexity: {
        ...bootstrapInterval(documents, perplexityOf, seed),
        value: Math.exp(mean(perplexities.map(Math.log))),
      },
      documentCount: documents.length,
      seedRange: [Math.min(...perplexities), Math.max(...perplexities)],
      againstFine: compare(runsOf(first, "fine")!),
      againstInitial: compare(initial),
      againstDistilled: distilled && compare(distilled),
      kl: mean(runs.map(({ result }) => result.kl!)),
      klAgainstInitial: pairedBootstrapInterval(documents, initial, klOf, seed),
      agreement: mean(runs.map(({ result }) => result.agreement!)),
      agreementAgainstInitial: pairedBootstrapInterval(
        documents,
        initial,
        agreementOf,
        seed,
        difference,
      ),
      bitsPerByte: mean(runs.map(({ result }) => result.bitsPerByte)),
    };
  });
}

function documentsOf(runs: readonly { result: ScoreSummary }[]) {
  return meanOverRuns(runs.map(({ result }) => result.documents));
}

function costResults(
  calibrations: readonly Measurement<"calibration">[],
  repeats: readonly Measurement<"timing">[],
): CostResult[] {
  const keyOf = ({ task }: Measurement<"calibration" | "timing">) =>
    [task.pair, methodWithoutSeed(task.method)].join(" | ");
  const groups = Map.groupBy(calibrations, keyOf);
  return Array.from(groups, ([key, runs]) => {
    const { pair, method } = runs[0].task;
    const timing = timingOf([...runs, ...repeats.filter((each) => keyOf(each) === key)]);
    const medianOf = (pick: (result: CalibrationResult) => number) =>
      median(runs.map(({ result }) => pick(result)));
    return {
      pair,
      method: method.kind,
      variant: method.variant,
      calibrationSize: method.kind === "activation-aware" ? method.rows : null,
      timing,
      seconds: medianAndRange(timing).value,
      memory: medianOf((result) => result.memory),
      deltaBytes: medianOf((result) => result.deltaBytes),
      fineBytes: medianOf((result) => result.fineBytes),
    };
  });
}

function wallClockResults(timings: readonly Measurement<"wall clock">[]): WallClockResult[] {
  const groups = Map.groupBy(
    timings,
    ({ task }) => [task.pair, task.method.kind, task.method.variant, task.batchSize].join(" | "),
  );
  return [...groups.values()].map((runs) => {
    const { pair, method, batchSize } = runs[0].task;
    const timing = timingOf(runs);
    const { value, low, high } = medianAndRange(timing);
    return {
      pair,
      method: method.kind,
      variant: method.variant,
      batchSize,
      steps: method.kind === "distilled" ? method.steps : null,
      timing,
      seconds: value,
      range: [low, high],
    };
  });
}

/** Seconds by seed, then by repeat. */
function timingOf(runs: readonly Measurement<"calibration" | "timing" | "wall clock">[]): Timing {
  const place = ({ task }: typeof runs[number]) => task.kind === "calibration" ? -1 : task.repeat;
  const [first, ...others] = runs
    .toSorted((a, b) => place(a) - place(b) || a.task.method.seed - b.task.method.seed)
    .map(({ result }) => result.seconds);
  return [first, ...others];
}

function ofKind<Kind extends Measurement["task"]["kind"]>(
  measurements: readonly Measurement[],
  kind: Kind,
): Measurement<Kind>[] {
  return measurements.filter(({ task }) => task.kind === kind) as Measurement<Kind>[];
}

function methodWithoutSeed(method: Method): string {
  if (!isCalibrated(method)) return method.kind;
  const amount = method.kind === "distilled" ? `${method.steps} × ${method.batch}` : method.rows;
  return [method.kind, method.variant, amount].join(" ");
}

function variantOf(method: Method): Variant | null {
  return isCalibrated(method) ? method.variant : null;
}
