/**
 * Measurements gathered by model: its scores on each domain, a run a seed, and what its delta is and costs. A model is a
 * method with its settings and a kind of calibration text; its seeds are its runs.
 */

import { median } from "simple-statistics";
import type { DocumentScores, ScoreSummary } from "../../evaluation/scores.ts";
import type { SeededRuns } from "../../evaluation/seed_bootstrap.ts";
import type { Fidelity } from "../../experiments/delta_fidelity.ts";
import type { CompressedModel, ScoredModel } from "../../experiments/scored_model.ts";
import type { Domain } from "../../texts/domains.ts";
import { canonical } from "../../util/canonical.ts";
import { modelLabel } from "./models.ts";
import type { Mix } from "./pair_texts.ts";
import { CALIBRATION_SIZE, type PlannedPair, sharedSettings } from "./plan.ts";
import { type BeyondProtocol, headlineDomains } from "./protocol.ts";
import type { BeyondMeasurement } from "./run.ts";

/** What a compressed model's delta is, by its seed. */
export interface MadeDelta {
  /** Seed of its calibration text; `null` for a method that sees none. */
  readonly seed: number | null;
  /** Bytes of its parts and whole tensors: of its file but for the header. */
  readonly bytes: number;
  /** Wall clock of making it, in seconds. */
  readonly seconds: number;
  /** Signs, angle and bits. */
  readonly fidelity: Fidelity;
}

/** A model on a pair. */
export interface BeyondModelResult {
  /** The pair. */
  readonly pair: PlannedPair;
  /** What a reader tells it from others by. */
  readonly label: string;
  /** `"base"`, `"fine"`, or the name of a method. */
  readonly method: string;
  /** `null` for a model of one form. */
  readonly variant: string | null;
  /** All settings of the method; `null` for the pair's own. */
  readonly settings: CompressedModel["settings"] | null;
  /** Tokens of calibration text; `null` where the method has no such setting. */
  readonly size: number | null;
  /** Its calibration text. */
  readonly mix: Mix;
  /** Whether it is of the size and text at which all methods stand beside each other. */
  readonly isCentral: boolean;
  /** One a seed; none of the pair's own models. */
  readonly deltas: readonly MadeDelta[];
  /** Scores by domain, one a seed in the order of the deltas. */
  readonly scores: ReadonlyMap<Domain, readonly ScoreSummary[]>;
}

/** Everything that figures, tables and claims are made from. */
export interface BeyondStudyResults {
  /** What was measured. */
  readonly protocol: BeyondProtocol;
  /** What all of it is gathered from. */
  readonly measurements: readonly BeyondMeasurement[];
  /** Pair by pair, in the order of the protocol. */
  readonly models: readonly BeyondModelResult[];
}

/**
 * Gathers the measurements of a run.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, gatherBeyond } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(gatherBeyond([], chooseBeyondProtocol({ profile: "quick" })).models, []);
 * ```
 */
export function gatherBeyond(
  measurements: readonly BeyondMeasurement[],
  protocol: BeyondProtocol,
): BeyondStudyResults {
  const groups = Map.groupBy(
    measurements,
    ({ task: { pair, model } }) => canonical([pair.name, withoutSeed(model)]),
  );
  const models = [...groups.values()].map((group) => resultOf(group, protocol));
  return { protocol, measurements, models };
}

function resultOf(
  group: readonly BeyondMeasurement[],
  protocol: BeyondProtocol,
): BeyondModelResult {
  const [{ task: { pair, model } }] = group;
  const seeds = [...new Set(group.map(({ task }) => seedOf(task.model)))];
  const made = <Kind extends BeyondMeasurement["task"]["kind"]>(kind: Kind, seed: number | null) =>
    group.filter(({ task }) =>
      task.kind === kind && seedOf(task.model) === seed
    ) as BeyondMeasurement<Kind>[];
  const scores = new Map<Domain, ScoreSummary[]>();
  for (const seed of seeds) {
    for (const { task, result } of made("evaluation", seed)) {
      scores.set(task.domain, [...scores.get(task.domain) ?? [], result]);
    }
  }
  const deltas = typeof model === "string" ? [] : seeds.map((seed): MadeDelta => {
    const [{ result: compression }] = made("compression", seed);
    const [{ result: fidelity }] = made("fidelity", seed);
    const { deltaBytes: bytes, cost: { seconds } } = compression;
    return { seed, bytes, seconds, fidelity };
  });
  return { pair, ...identityOf(model, protocol), deltas, scores };
}

type Identity = Omit<BeyondModelResult, "pair" | "deltas" | "scores">;

function identityOf(model: ScoredModel, protocol: BeyondProtocol): Identity {
  if (typeof model === "string") {
    const label = model === "fine" ? "fine-tune" : model;
    const none = { variant: null, settings: null, size: null, isCentral: true };
    return { label, method: model, ...none, mix: "general" };
  }
  const { method, variant, settings, text } = model;
  const found = settings[CALIBRATION_SIZE];
  const size = typeof found === "number" ? found : null;
  const mix = (text ?? "general") as Mix;
  const label = modelLabel(model, sharedSettings(protocol, size ?? protocol.size));
  const isCentral = mix === "general" && (size === null || size === protocol.size);
  return { label, method, variant, settings, size, mix, isCentral };
}

function withoutSeed(model: ScoredModel): unknown {
  return typeof model === "string" ? model : { ...model, seed: null };
}

function seedOf(model: ScoredModel): number | null {
  return typeof model === "string" ? null : model.seed;
}

/** A model's documents on some domains as one text in which each domain weighs the same, a run a seed. */
export function runsOn(
  { scores }: Pick<BeyondModelResult, "scores">,
  domains: readonly Domain[],
): SeededRuns {
  const ofDomains = domains.map((domain) => scores.get(domain)!);
  return ofDomains[0].map((_, run) =>
    ofDomains.flatMap((summaries, at) => {
      const { documents } = summaries[run];
      const tokens = documents.reduce((sum, each) => sum + each.tokens, 0);
      return documents.map((each) => weighed(each, `${domains[at]}: ${each.name}`, 1 / tokens));
    })
  );
}

function weighed(scores: DocumentScores, name: string, weight: number): DocumentScores {
  const { tokens, bytes, nll, kl, agreement } = scores;
  const share = (sum: number | null) => sum === null ? null : sum * weight;
  return {
    name,
    tokens: tokens * weight,
    bytes: bytes * weight,
    nll: nll * weight,
    kl: share(kl),
    agreement: share(agreement),
  };
}

/** {@linkcode runsOn} general text and that of the pair's own domain. */
export function headlineRuns(
  model: BeyondModelResult,
  protocol: BeyondProtocol,
): SeededRuns {
  return runsOn(model, headlineDomains(model.pair, protocol));
}

/** The median over a model's seeds of a number of its deltas. */
export function medianOf(
  { deltas }: Pick<BeyondModelResult, "deltas">,
  number: (delta: MadeDelta) => number,
): number {
  return median(deltas.map(number));
}

/** The compressed models of a pair at the size and text where all methods stand. */
export function centralModels(
  { models }: BeyondStudyResults,
  pair: string,
): BeyondModelResult[] {
  return models.filter((each) =>
    each.pair.name === pair && each.isCentral && each.settings !== null
  );
}
