/** Measurements with invented numbers, as a study would give them; nothing here runs a model. */

import type { Variant } from "../../../lib/methods/calibrate.ts";
import type { DocumentScores, ScoreSummary } from "../../../lib/evaluation/scores.ts";
import {
  type Measurement,
  measurementKey,
  type Results,
  type Task,
} from "../../../lib/experiments/measurement.ts";
import {
  type CalibratedMethod,
  isCalibrated,
  type Method,
} from "../../../lib/experiments/method.ts";
import { planTasks } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import {
  type Protocol,
  realProtocol,
} from "../../../lib/studies/activation_aware_bitdelta/protocol.ts";

/** Two pairs, the first in the place of Zephyr's, two sizes, two seeds and one for the tables. */
export const madeUpProtocol: Protocol = {
  ...realProtocol,
  name: "made-up",
  pairs: [
    {
      name: "a → b",
      base: "/somewhere/a",
      fine: "/somewhere/b",
      standsFor: ["Mistral-7B-v0.1", "Zephyr-7B-beta"],
    },
    { name: "a → c", base: "/somewhere/a", fine: "/somewhere/c", standsFor: null },
  ],
  windows: { context: 256, window: 128 },
  calibrationSizes: [32, 256],
  wallClock: { batchSizes: [1, 4], steps: 3, repeats: 2 },
  tableTimings: 3,
  seeds: [1, 2],
  tableSeeds: [2],
};

/** An activation-aware calibration. */
export function awareMethod(
  rows: number,
  seed: number,
  variant: Variant = "corrected",
): CalibratedMethod {
  return { kind: "activation-aware", variant, rows, seed };
}

/** A distillation of 250 steps of 4 sequences. */
export function distilledMethod(seed: number, variant: Variant = "corrected"): CalibratedMethod {
  return { kind: "distilled", variant, steps: 250, batch: 4, seed };
}

/** A measurement of a task with a result. */
export function measurementOf<Kind extends Task["kind"]>(
  task: Task & { kind: Kind },
  result: Results[Kind],
): Measurement {
  const { method } = task;
  const circumstances = {
    baseHash: "ba5e".repeat(16),
    fineHash: "f19e".repeat(16),
    tokenizerHash: "70ce".repeat(16),
    scoredHash: task.kind === "evaluation" ? "5c0e".repeat(16) : null,
    calibrationHash: isCalibrated(method) ? `ca1${method.seed}`.repeat(16) : null,
    windows: { context: 256, window: 128 },
    engine: "made-up engine",
    codeHash: "c0de".repeat(16),
  };
  const key = measurementKey(task, circumstances);
  const device = { device: "cpu", chosen: "made up", facts: {} } as const;
  return { key, task, circumstances, device, result } as Measurement;
}

/**
 * Scores of documents of 10 tokens and 20 bytes each with these perplexities; the KL of each token is
 * `kl`, and the first choice is the fine-tune's for every second token.
 */
export function scores(perplexities: readonly number[], kl = 0.5): ScoreSummary {
  const documents = perplexities.map((perplexity, index): DocumentScores => ({
    name: `document ${index + 1}`,
    tokens: 10,
    bytes: 20,
    nll: 10 * Math.log(perplexity),
    kl: 10 * kl,
    agreement: 5,
  }));
  const windowNll = perplexities.map(Math.log);
  const nll = windowNll.reduce((sum, each) => sum + each, 0) / windowNll.length;
  return {
    perplexity: Math.exp(nll),
    kl,
    agreement: 0.5,
    bitsPerByte: nll / Math.LN2 / 2,
    tokens: 10 * perplexities.length,
    windowNll,
    documents,
  };
}

/** Factor of all perplexities of a domain. */
export const domainFactor = { code: 0.25, health: 0.5, finance: 2, wikitext: 1 } as const;

/** Factor of all perplexities, seconds and bytes of a pair. */
const pairFactor: Readonly<Record<string, number>> = { "a → b": 1.5, "a → c": 1 };

/** Perplexity of a method's model: lower with more rows, highest for the base. */
function perplexity(method: Method): number {
  if (!isCalibrated(method)) return { base: 30, fine: 8, initial: 10 }[method.kind];
  const start = method.variant === "corrected" ? 9 : 9.25;
  const gain = method.kind === "distilled" ? 0.5 : Math.log2(method.rows) / 8;
  return start - gain + method.seed / 64;
}

function result(task: Task): Results[Task["kind"]] {
  const { method } = task;
  const ofPair = pairFactor[task.pair];
  if (task.kind === "evaluation") {
    const value = ofPair * domainFactor[task.domain] * perplexity(method);
    return scores([0.9 * value, value, 1.25 * value]);
  }
  const seconds = ofPair *
    (method.kind === "distilled" ? 4 * method.steps : 3 + task.method.seed / 8);
  if (task.kind === "timing" || task.kind === "wall clock") {
    return { seconds: seconds + task.repeat, memory: 1e9 };
  }
  const finalLoss = method.kind === "distilled" ? 0.25 : null;
  const bytes = { deltaBytes: 2e6, fineBytes: ofPair * 12e6 };
  return { seconds, memory: 1e9, finalLoss, ...bytes, deltaDigest: "d161".repeat(16) };
}

/** A measurement of every task of a protocol. */
export function madeUpMeasurements(protocol: Protocol = madeUpProtocol): Measurement[] {
  return planTasks(protocol).map((task) => measurementOf(task, result(task)));
}
