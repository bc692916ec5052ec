import assert from "node:assert/strict";
import type { ScoreSummary } from "../../../lib/evaluation/scores.ts";
import type { Fidelity } from "../../../lib/experiments/delta_fidelity.ts";
import { plannedPairs } from "../../../lib/studies/beyond_the_study/plan.ts";
import {
  type BeyondModelResult,
  gatherBeyond,
} from "../../../lib/studies/beyond_the_study/results.ts";
import { levelOf, outcomeOf, ratioTo } from "../../../lib/studies/beyond_the_study/wins.ts";
import { tinyBeyond } from "./tiny_beyond.ts";

const { protocol } = tinyBeyond("folder");
const results = gatherBeyond([], protocol);
const [pair] = plannedPairs(protocol);

/** Documents of ten tokens with these KLs a token. */
function summary(kls: readonly number[]): ScoreSummary {
  const documents = kls.map((kl, at) => ({
    ...{ name: `${at}`, tokens: 10, bytes: 40, nll: 20, kl: 10 * kl, agreement: 5 },
  }));
  const numbers = { perplexity: 1, kl: 1, agreement: 1, bitsPerByte: 1, tokens: 10 };
  return { ...numbers, windowNll: [], documents };
}

/** A model whose KL by seed is a factor times that of each document. */
function model(factors: ReadonlyMap<number, number>): BeyondModelResult {
  const fidelity = {} as Fidelity;
  const seeds = [...factors.keys()];
  const of = (kls: readonly number[]) =>
    seeds.map((seed) => summary(kls.map((kl) => kl * factors.get(seed)!)));
  return {
    ...{ pair, label: "a", method: "a", variant: null, settings: {}, size: 40, mix: "general" },
    isCentral: true,
    deltas: seeds.map((seed) => ({ seed, bytes: 1, seconds: 1, fidelity })),
    scores: new Map([["wikitext", of([1, 2, 3])], ["health", of([5])]]),
  };
}

Deno.test("texts weigh the same, however many documents they have", () => {
  const one = model(new Map([[1, 1]]));
  assert.equal(levelOf(one, ["wikitext"], "kl", results).value, 2);
  assert.ok(Math.abs(levelOf(one, ["wikitext", "health"], "kl", results).value - 3.5) < 1e-12);
});

Deno.test("models are held against each other on the seeds that both have", () => {
  const many = model(new Map([[1, 1], [2, 3], [3, 50]]));
  const few = model(new Map([[1, 2], [2, 6]]));
  const { value, low, high } = ratioTo(many, few, ["wikitext"], "kl", results);
  for (const end of [value, low, high]) assert.ok(Math.abs(end + 0.5) < 1e-12, `${end}`);
});

Deno.test("a win is an interval below zero, a loss one above it", () => {
  assert.equal(outcomeOf({ value: -0.1, low: -0.2, high: -0.01 }), "win");
  assert.equal(outcomeOf({ value: 0.1, low: 0.01, high: 0.2 }), "loss");
  assert.equal(outcomeOf({ value: -0.1, low: -0.2, high: 0.01 }), "open");
});
