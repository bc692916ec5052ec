/** Measurements with invented numbers, as a study would give them; nothing here runs a model. */

import type { DocumentScores, ScoreSummary } from "../../../lib/evaluation/scores.ts";
import type {
  CompressionKey,
  EvaluationKey,
  TimingKey,
} from "../../../lib/experiments/measurement_schema.ts";
import {
  type CompressedModel,
  compressedModel,
  type ScoredModel,
} from "../../../lib/experiments/scored_model.ts";
import { measurementId } from "../../../lib/experiments/task.ts";
import { planTasks, type StudyTask } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import {
  type Protocol,
  realProtocol,
} from "../../../lib/studies/activation_aware_bitdelta/protocol.ts";
import type {
  Results,
  StudyMeasurement,
} from "../../../lib/studies/activation_aware_bitdelta/run.ts";

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
export function awareModel(rows: number, seed: number, variant = "corrected"): CompressedModel {
  return compressedModel({ method: "activation-aware", variant, settings: { rows } }, seed);
}

/** A distillation of 250 steps of 4 sequences. */
export function distilledModel(seed: number, variant = "corrected"): CompressedModel {
  const settings = { steps: 250, batch: 4 };
  return compressedModel({ method: "distilled", variant, settings }, seed);
}

/** The initial scales. */
export const initialModel: CompressedModel = compressedModel({ method: "initial" }, 0);

const circumstances = { machine: "made-up machine", engine: "made-up engine" };

/** What could determine a compression. */
function compressionKey(pair: string, { method, settings, seed }: CompressedModel): CompressionKey {
  return {
    base: "ba5e".repeat(16),
    fine: `fine-tune of ${pair}`,
    tokenizer: seed === null ? null : "70ce".repeat(16),
    text: seed === null ? null : `ca1${seed}`.repeat(16),
    method,
    settings,
    engine: "made-up engine",
    code: "c0de".repeat(16),
  };
}

/** The kind of measurement that a task is kept as, and what could determine it. */
function keyOf(task: StudyTask): [kind: string, key: CompressionKey | EvaluationKey | TimingKey] {
  if (task.kind === "compression") return ["compression", compressionKey(task.pair, task.model)];
  if (task.kind !== "evaluation") {
    const compression = compressionKey(task.pair, task.model);
    const warmUp = task.kind === "timing" ? null : compression.settings;
    const repeat = task.kind === "timing" ? task.repeat : 10 * task.batchSize + task.repeat;
    return ["timing", { compression, warmUp, repeat, ...circumstances }];
  }
  const { model } = task;
  return ["evaluation", {
    weights: model === "fine" ? `fine-tune of ${task.pair}` : "ba5e".repeat(16),
    delta: typeof model === "string"
      ? null
      : measurementId("delta", [task.pair, task.domain, model]),
    reference: `fine-tune of ${task.pair}`,
    tokenizer: "70ce".repeat(16),
    text: `text of ${task.domain}`,
    windows: { context: 256, window: 128 },
    engine: "made-up engine",
    code: "c0de".repeat(16),
  }];
}

/** A measurement of a task with a result. */
export function measurementOf<Kind extends StudyTask["kind"]>(
  task: StudyTask & { kind: Kind },
  result: Results[Kind],
): StudyMeasurement {
  const [kind, key] = keyOf(task);
  const device = { device: "cpu", chosen: "made up", facts: {} } as const;
  const id = measurementId(kind, key);
  return { id, kind, key, engine: "made-up engine", device, result, task } as StudyMeasurement;
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
function perplexity(model: ScoredModel): number {
  if (model === "base") return 30;
  if (model === "fine") return 8;
  const { method, variant, settings, seed } = model;
  if (seed === null) return 10;
  const start = variant === "corrected" ? 9 : 9.25;
  const gain = method === "distilled" ? 0.5 : Math.log2(Number(settings.rows)) / 8;
  return start - gain + seed / 64;
}

function seconds(pair: string, { method, settings, seed }: CompressedModel): number {
  return pairFactor[pair] *
    (method === "distilled" ? 4 * Number(settings.steps) : 3 + (seed ?? 0) / 8);
}

function result(task: StudyTask): Results[StudyTask["kind"]] {
  const ofPair = pairFactor[task.pair];
  if (task.kind === "evaluation") {
    const value = ofPair * domainFactor[task.domain] * perplexity(task.model);
    return scores([0.9 * value, value, 1.25 * value]);
  }
  const cost = { seconds: seconds(task.pair, task.model), memory: 1e9 };
  if (task.kind !== "compression") return { ...cost, seconds: cost.seconds + task.repeat };
  return {
    cost: { ...cost, ...circumstances },
    finalLoss: task.model.method === "distilled" ? 0.25 : null,
    deltaBytes: 2e6,
    fineBytes: ofPair * 12e6,
    codecs: ["signs"],
    deltaDigest: "d161".repeat(16),
  };
}

/** A measurement of every task of a protocol. */
export function madeUpMeasurements(protocol: Protocol = madeUpProtocol): StudyMeasurement[] {
  return planTasks(protocol).map((task) => measurementOf(task, result(task)));
}
