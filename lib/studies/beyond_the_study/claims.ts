/**
 * Claims C2 and C4 of the study "Activation-Aware BitDelta" judged again: that scalar scales found from activations are
 * better than distilled ones, by perplexity, which the study measured, and by KL from the fine-tune, which it did not.
 */

import type { Interval } from "../../evaluation/bootstrap.ts";
import type { Domain } from "../../texts/domains.ts";
import { allHold, isBelow, type Verdict } from "../activation_aware_bitdelta/verdict.ts";
import { beyondMethods } from "./models.ts";
import { GENERAL } from "./protocol.ts";
import { type BeyondModelResult, type BeyondStudyResults, centralModels } from "./results.ts";
import { type BeyondMeasure, outcomeOf, ratioTo } from "./wins.ts";

/** What the numbers say of a claim, by one measure. */
export interface BeyondJudgement {
  /** `C2` or `C4`. */
  readonly id: string;
  /** What is claimed. */
  readonly claim: string;
  /** By what it is judged. */
  readonly measure: BeyondMeasure;
  /** `null` where intervals cannot tell. */
  readonly holds: Verdict;
  /** The numbers it follows from, in a sentence. */
  readonly because: string;
}

/** A comparison of the two methods. */
interface Compared {
  readonly aware: BeyondModelResult;
  readonly standard: BeyondModelResult;
  readonly domain: Domain;
}

const MEASURES: readonly BeyondMeasure[] = ["perplexity", "kl"];

/** Judges both claims by both measures, of a pair in each domain that it was scored on. */
export function judgeBeyond(results: BeyondStudyResults): BeyondJudgement[] {
  const { pairs } = results.protocol;
  const everywhere = pairs.flatMap(({ name }) => comparisons(results, name));
  const inGeneral = pairs.flatMap(({ name }) =>
    comparisons(results, name).filter(({ aware, domain }) => aware.isCentral && domain === GENERAL)
  );
  const claims = [
    {
      id: "C2",
      claim: "better in every domain, at every calibration size",
      compared: everywhere,
      place: "of pair, domain and size",
    },
    { id: "C4", claim: "better on every pair", compared: inGeneral, place: "pairs" },
  ];
  return claims.flatMap(({ id, claim, compared, place }) =>
    MEASURES.map((measure): BeyondJudgement => {
      const ratios = compared.map(({ aware, standard, domain }) =>
        ratioTo(aware, standard, [domain], measure, results)
      );
      const holds = allHold(ratios.map((ratio) => isBelow(ratio, 0)));
      return { id, claim, measure, holds, because: reason(ratios, place) };
    })
  );
}

function comparisons(results: BeyondStudyResults, pair: string): Compared[] {
  const standard = centralModels(results, pair).find(({ method }) =>
    method === beyondMethods.standard
  );
  if (standard === undefined) return [];
  const ofSizes = results.models.filter(({ pair: { name }, method, mix }) =>
    name === pair && method === beyondMethods.proposed && mix === "general"
  );
  return ofSizes.flatMap((aware) =>
    [...aware.scores.keys()].map((domain) => ({ aware, standard, domain }))
  );
}

function reason(ratios: readonly Interval[], place: string): string {
  const count = (outcome: string) => ratios.filter((each) => outcomeOf(each) === outcome).length;
  const values = ratios.map(({ value }) => 100 * value);
  const [least, most] = [Math.min(...values), Math.max(...values)].map((each) => each.toFixed(0));
  return `of ${ratios.length} ${place} lower by more than its interval on ${
    count("win")
  }, higher on ` +
    `${count("loss")}; from ${least} % to ${most} % against distilled`.replaceAll("-", "−");
}
