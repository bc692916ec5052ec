/** The numbers that the claims are judged by, from the study's publication or from our own results. */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { elementCount } from "../../checkpoint/tensor.ts";
import {
  linearLayerNames,
  linearShape,
  tensorShape,
  wholeTensorNames,
} from "../../checkpoint/weights.ts";
import { type Domain, domains } from "../../texts/domains.ts";
import type { Interval } from "../../evaluation/bootstrap.ts";
import { isOfTableSize, studyMethods } from "./plan.ts";
import { figurePair, type Protocol } from "./protocol.ts";
import type { PublishedNumbers } from "./published.ts";
import type { QualityResult, StudyResults } from "./results.ts";
import type { Timing } from "../../experiments/timing.ts";
import { bare } from "./verdict.ts";

/** What one source says on all that the study claims. "Standard" is distillation. */
export interface Evidence {
  /** Whether these are the study's numbers, which came without intervals and count as they stand. */
  readonly isPublished: boolean;
  /** Figure 1; empty where it was not measured. */
  readonly wallClock: readonly {
    readonly batchSize: number;
    /** `null`: out of memory. */
    readonly standard: Timing | null;
    readonly activationAware: Timing;
  }[];
  /** Figures 2–5. */
  readonly curves: readonly {
    readonly domain: Domain;
    readonly points: readonly {
      readonly size: number;
      /**
       * Perplexity relative to the standard's, minus 1, with its interval on the same documents; bare
       * where it was published, without bounds where there is but one document.
       */
      readonly difference: Interval;
    }[];
  }[];
  /** Tables 1 and 2. */
  readonly pairs: readonly {
    readonly name: string;
    /** The study's fine-tune that the pair is or stands for. */
    readonly studyFine: string | null;
    readonly standardPerplexity: number;
    readonly activationAwarePerplexity: number;
    /** The former relative to the latter, as above. */
    readonly difference: Interval;
    readonly standardTime: Timing;
    readonly activationAwareTime: Timing;
  }[];
  /** Sizes of a fine-tune and of its delta. */
  readonly bytes: { readonly fine: number; readonly delta: number };
}

/** Sizes of Llama-2-7b, from its `config.json`. */
const llama2: DecoderConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 32000,
  hiddenSize: 4096,
  intermediateSize: 11008,
  layerCount: 32,
  headCount: 32,
  keyValueHeadCount: 32,
  headSize: 128,
  normEpsilon: 1e-5,
  ropeTheta: 10000,
  slidingWindow: null,
  tiedEmbeddings: false,
  maximumPositions: 4096,
  bosToken: 1,
  eosToken: 2,
};

/**
 * What the study published; sizes follow from Llama-2-7b's shapes at two bytes a weight.
 *
 * @example
 * ```ts
 * import { judgeClaims, publishedEvidence, readPublishedNumbers } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * assert.ok(judgeClaims(publishedEvidence(published)).length > 0);
 * ```
 */
export function publishedEvidence(published: PublishedNumbers): Evidence {
  const { figure1_wall_clock_s_by_batch_size: figure1 } = published;
  const { figures2to5_perplexity_by_calibration_size: figures } = published;
  return {
    isPublished: true,
    wallClock: figure1.batch_size.map((batchSize, index) => ({
      batchSize,
      standard: once(figure1.standard[index]),
      activationAware: [figure1.activation_aware[index]],
    })),
    curves: domains.map((domain) => ({
      domain,
      points: figures.calibration_size.map((size, index) => ({
        size,
        difference: bare(figures[domain].activation_aware[index] / figures[domain].standard - 1),
      })),
    })),
    pairs: published.table1_perplexity.rows.map((row, index) => ({
      name: `${row.base} → ${row.fine}`,
      studyFine: row.fine,
      standardPerplexity: row.standard,
      activationAwarePerplexity: row.activation_aware,
      difference: bare(row.activation_aware / row.standard - 1),
      standardTime: [published.table2_wall_clock_s.rows[index].standard],
      activationAwareTime: [published.table2_wall_clock_s.rows[index].activation_aware],
    })),
    bytes: bytesOf(llama2),
  };
}

function once(seconds: number | null): Timing | null {
  return seconds === null ? null : [seconds];
}

/** Our own numbers, under one variant of the methods. */
export function ourEvidence(
  results: StudyResults,
  protocol: Protocol,
  variant: string,
): Evidence {
  const pair = figurePair(protocol).name;
  const timings = results.wallClock.filter((each) => each.variant === variant);
  const batchSizes = timings.filter(({ method }) => method === studyMethods.proposed)
    .map(({ batchSize }) => batchSize);
  const timing = (batchSize: number, method: string) =>
    timings.find((each) => each.batchSize === batchSize && each.method === method)!.timing;
  return {
    isPublished: false,
    wallClock: batchSizes.map((batchSize) => ({
      batchSize,
      standard: timing(batchSize, studyMethods.standard),
      activationAware: timing(batchSize, studyMethods.proposed),
    })),
    curves: protocol.domains.map((domain) => {
      const here = results.quality.filter((each) =>
        each.pair === pair && each.domain === domain && each.variant === variant &&
        each.method === studyMethods.proposed
      );
      return {
        domain,
        points: here.filter((each) =>
          each.calibrationSize !== null && protocol.calibrationSizes.includes(each.calibrationSize)
        ).map((each) => ({
          size: each.calibrationSize!,
          difference: againstDistilled(each),
        })),
      };
    }),
    pairs: protocol.pairs.map((spec) => pairEvidence(results, protocol, variant, spec)),
    bytes: fineAndDeltaBytes(results, pair),
  };
}

function pairEvidence(
  results: StudyResults,
  protocol: Protocol,
  variant: string,
  { name, standsFor }: Protocol["pairs"][number],
): Evidence["pairs"][number] {
  const isTheirs = (each: { pair: string; calibrationSize: number | null }) =>
    each.pair === name && isOfTableSize(each, protocol);
  const quality = results.quality.filter((each) =>
    isTheirs(each) && each.domain === protocol.tableDomain && each.variant === variant
  );
  const cost = results.cost.filter((each) => isTheirs(each) && each.variant === variant);
  const timeOf = (method: string) => cost.find((each) => each.method === method)!.timing;
  const aware = ofMethod(quality, studyMethods.proposed);
  return {
    name,
    studyFine: standsFor?.[1] ?? null,
    standardPerplexity: ofMethod(quality, studyMethods.standard).perplexity.value,
    activationAwarePerplexity: aware.perplexity.value,
    difference: againstDistilled(aware),
    standardTime: timeOf(studyMethods.standard),
    activationAwareTime: timeOf(studyMethods.proposed),
  };
}

/** One document drawn again and again is always the same: what it says is without bounds. */
function againstDistilled({ againstDistilled, documentCount }: QualityResult): Interval {
  const { value } = againstDistilled!;
  return documentCount > 1 ? againstDistilled! : { value, low: -Infinity, high: Infinity };
}

function ofMethod(quality: readonly QualityResult[], method: string): QualityResult {
  return quality.find((each) => each.method === method)!;
}

function fineAndDeltaBytes({ cost }: StudyResults, pair: string): Evidence["bytes"] {
  const { fineBytes, deltaBytes } = cost.find((each) =>
    each.pair === pair && each.method === studyMethods.proposed
  )!;
  return { fine: fineBytes, delta: deltaBytes };
}

/** Two bytes a weight; a delta has one bit a weight of linear layers, a float32 a layer, the rest whole. */
function bytesOf(config: DecoderConfig): Evidence["bytes"] {
  const whole = wholeTensorNames(config).reduce(
    (sum, name) => sum + 2 * elementCount(tensorShape(config, name)),
    0,
  );
  const layers = linearLayerNames(config).map((layer) => elementCount(linearShape(config, layer)));
  const weights = layers.reduce((sum, count) => sum + count, 0);
  return { fine: 2 * weights + whole, delta: weights / 8 + 4 * layers.length + whole };
}
