/** The study's claims C1–C7, each judged by numbers: the published ones, or ours. */

import { linearRegression } from "simple-statistics";
import { decimals } from "../decimals.ts";
import type { Evidence } from "./evidence.ts";

/** What the numbers say of a claim. */
export interface Judgement {
  /** `"C1"` to `"C7"`. */
  readonly id: string;
  /** `null` where the numbers cannot tell. */
  readonly holds: boolean | null;
  /** The numbers it follows from, in a sentence. */
  readonly because: string;
}

/** Judges all claims by one source of numbers. */
export function judgeClaims(evidence: Evidence): Judgement[] {
  return [
    independentOfBatchSize(evidence),
    betterInEveryDomain(evidence),
    largestInStructuredDomains(evidence),
    betterOnEveryPair(evidence),
    fasterAndBetterOnZephyr(evidence),
    fasterWithLowerPerplexity(evidence),
    tenfoldMemory(evidence),
  ];
}

/** Time that grows slower than this power of the batch size counts as independent of it. */
const FLAT = 0.1;

function independentOfBatchSize({ wallClock }: Evidence): Judgement {
  if (wallClock.length === 0) {
    return { id: "C1", holds: null, because: "Figure 1 times the methods as the study ran them" };
  }
  const activationAware = wallClock.map((each) => [each.batchSize, each.activationAware] as const);
  const standard = wallClock.flatMap(({ batchSize, standard }) =>
    standard === null ? [] : [[batchSize, standard] as const]
  );
  const power = growth(activationAware);
  return {
    id: "C1",
    holds: Math.abs(power) < FLAT,
    because: `time grows as the batch size to the power ${decimals(power, 2)}, standard's ` +
      `${decimals(growth(standard), 2)}; slowest over fastest ` +
      `${decimals(spread(activationAware), 2)} and ${decimals(spread(standard), 2)}; counted as ` +
      `independent below a power of ${FLAT}`,
  };
}

/** k in seconds ∝ batchSizeᵏ, by least squares on the logarithms. */
function growth(timings: readonly (readonly [batchSize: number, seconds: number])[]): number {
  return linearRegression(timings.map((each) => each.map(Math.log))).m;
}

function spread(timings: readonly (readonly [batchSize: number, seconds: number])[]): number {
  const seconds = timings.map(([, each]) => each);
  return Math.max(...seconds) / Math.min(...seconds);
}

function betterInEveryDomain({ curves }: Evidence): Judgement {
  const points = curves.flatMap(({ standard, points }) =>
    points.map(({ activationAware, difference }) => ({
      lower: activationAware < standard,
      clearly: difference === null ? null : difference.high < 0,
    }))
  );
  const lower = points.filter((point) => point.lower).length;
  const withInterval = points.filter((point) => point.clearly !== null);
  const clearly = withInterval.filter((point) => point.clearly).length;
  const intervals = withInterval.length === 0
    ? "no intervals were published"
    : `by more than the 95 % interval at ${clearly}`;
  return {
    id: "C2",
    holds: lower === points.length && clearly === withInterval.length,
    because: `activation-aware is lower at ${lower} of ${points.length} points, ${intervals}`,
  };
}

function largestInStructuredDomains({ curves }: Evidence): Judgement {
  const gains = curves.map(({ domain, standard, points }) => {
    const mean = points.reduce((sum, each) => sum + each.activationAware, 0) / points.length;
    return { domain, gain: 1 - mean / standard };
  }).sort((a, b) => b.gain - a.gain);
  const leaders = gains.slice(0, 2).map(({ domain }) => domain);
  return {
    id: "C3",
    holds: leaders.includes("finance") && leaders.includes("code"),
    because: "gain by domain, mean over sizes: " +
      gains.map(({ domain, gain }) => `${domain} ${percent(gain)}`).join(", "),
  };
}

function betterOnEveryPair({ pairs }: Evidence): Judgement {
  const worse = pairs.filter((pair) => pair.activationAwarePerplexity >= pair.standardPerplexity);
  const exceptions = worse.map((pair) =>
    `${pair.name} ${decimals(pair.activationAwarePerplexity, 3)} against ` +
    decimals(pair.standardPerplexity, 3)
  );
  return {
    id: "C4",
    holds: worse.length === 0,
    because: `lower on ${pairs.length - worse.length} of ${pairs.length} pairs` +
      (worse.length ? `; not on ${exceptions.join("; ")}` : ""),
  };
}

function fasterAndBetterOnZephyr({ pairs }: Evidence): Judgement {
  const pair = pairs.find(({ studyFine }) => studyFine === "Zephyr-7B-beta");
  if (!pair) return { id: "C5", holds: null, because: "no pair stands for Mistral → Zephyr" };
  const reduction = 1 - pair.activationAwareSeconds / pair.standardSeconds;
  const better = pair.activationAwarePerplexity < pair.standardPerplexity;
  return {
    id: "C5",
    holds: reduction > 0.5 && better,
    because: `${pair.name}: ${percent(reduction)} less time, perplexity ` +
      `${decimals(pair.activationAwarePerplexity, 3)} against ${
        decimals(pair.standardPerplexity, 3)
      }`,
  };
}

function fasterWithLowerPerplexity({ pairs }: Evidence): Judgement {
  const ratios = pairs.map((pair) => pair.standardSeconds / pair.activationAwareSeconds);
  const lower = pairs.filter((pair) => pair.activationAwarePerplexity < pair.standardPerplexity);
  return {
    id: "C6",
    holds: Math.min(...ratios) >= 1.5 && lower.length === pairs.length,
    because:
      `${decimals(Math.min(...ratios), 2)} to ${decimals(Math.max(...ratios), 2)} times as fast, ` +
      `lower perplexity on ${lower.length} of ${pairs.length} pairs`,
  };
}

function tenfoldMemory({ bytes: { fine, delta } }: Evidence): Judgement {
  const models = 16;
  const served = models * fine / (fine + models * delta);
  return {
    id: "C7",
    holds: fine / delta > 10,
    because: `a fine-tune is ${decimals(fine / delta, 2)} times its delta in bytes; ` +
      `${models} fine-tunes are ${decimals(served, 2)} times one base and ${models} deltas`,
  };
}

function percent(share: number): string {
  return `${decimals(100 * share, 1)} %`;
}
