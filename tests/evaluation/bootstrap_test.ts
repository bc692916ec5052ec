import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bootstrapInterval,
  klOf,
  meanOverRuns,
  pairedBootstrapInterval,
  perplexityOf,
} from "../../lib/evaluation/bootstrap.ts";
import type { DocumentScores } from "../../lib/evaluation/scores.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";

const COUNT = 400;
/** Quantile of the standard normal distribution that leaves 2.5 % above it. */
const NORMAL_QUANTILE = 1.959964;

/** Documents of one token each: the mean over tokens is the mean of the sample. */
function documentsOf(nll: readonly number[], kl: readonly number[] = nll): DocumentScores[] {
  return nll.map((each, index) => (
    { name: `${index}`, tokens: 1, bytes: 4, nll: each, kl: kl[index], agreement: index % 2 }
  ));
}

function normalSample(seed: number, count = COUNT): number[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => 3 + 0.5 * random.normal());
}

/** Mean of a sample and the standard error of that mean. */
function meanAndError(sample: readonly number[]): [mean: number, error: number] {
  const mean = sample.reduce((sum, each) => sum + each, 0) / sample.length;
  const variance = sample.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (sample.length - 1);
  return [mean, Math.sqrt(variance / sample.length)];
}

Deno.test("the interval of a mean is close to that of normal theory", () => {
  for (const seed of [1, 2, 3]) {
    const sample = normalSample(seed);
    const [mean, error] = meanAndError(sample);
    const { value, low, high } = bootstrapInterval(documentsOf(sample), klOf, seed);
    assertWithin(relativeError([value], [mean]), 1e-12, "value");
    const half = NORMAL_QUANTILE * error;
    // Of 2000 resamples, the quantiles themselves are uncertain by about 3 % of the half width.
    assertWithin(Math.abs(mean - half - low), 0.12 * half, "low end");
    assertWithin(Math.abs(mean + half - high), 0.12 * half, "high end");
  }
});

Deno.test("documents weigh by their tokens", () => {
  const documents = [
    { name: "long", tokens: 90, bytes: 300, nll: 180, kl: 9, agreement: 80 },
    { name: "short", tokens: 10, bytes: 30, nll: 40, kl: null, agreement: null },
  ];
  const { value, low, high } = bootstrapInterval(documents, perplexityOf, 1);
  assertWithin(relativeError([value], [Math.exp(2.2)]), 1e-12, "perplexity");
  // A resample is one document twice, or both.
  assertWithin(relativeError([low, high], [Math.exp(2), Math.exp(4)]), 1e-12, "ends");
  assert.ok(Number.isNaN(bootstrapInterval(documents, klOf, 1).value), "no reference, no KL");
});

Deno.test("a seed determines the interval", () => {
  const documents = documentsOf(normalSample(4, 40));
  const interval = (seed: number) => bootstrapInterval(documents, perplexityOf, seed);
  assert.deepEqual(interval(7), interval(7));
  assert.notDeepEqual(interval(7), interval(8));
  assert.equal(interval(7).value, interval(8).value);
});

Deno.test("a pair of the same runs differs by exactly 0", () => {
  const number = fc.double({ min: 0.1, max: 9, noNaN: true });
  const sample = fc.array(number, { minLength: 1, maxLength: 12 });
  const property = fc.property(sample, fc.nat(99), (nll, seed) => {
    const documents = documentsOf(nll);
    const paired = pairedBootstrapInterval(documents, [...documents], perplexityOf, seed);
    assert.deepEqual(paired, { value: 0, low: 0, high: 0 });
  });
  fc.assert(property, { numRuns: 20 });
});

Deno.test("what two runs have in common cancels in a pair", () => {
  const kl = normalSample(5, 50);
  const [a, b] = [1.1, 1].map((factor) => documentsOf(kl, kl.map((each) => factor * each)));
  const { value, low, high } = pairedBootstrapInterval(a, b, klOf, 1);
  assertWithin(relativeError([value, low, high], [0.1, 0.1, 0.1]), 1e-9, "a tenth more");
  const single = bootstrapInterval(a, klOf, 1);
  assert.ok(single.high / single.low > 1.02, "each alone is uncertain");
});

Deno.test("a pair of different documents is refused", () => {
  const documents = documentsOf([1, 2, 3]);
  const paired = (other: DocumentScores[]) => () =>
    pairedBootstrapInterval(documents, other, klOf, 1);
  assert.throws(paired(documents.slice(1)), RangeError);
  assert.throws(paired(documents.toReversed()), RangeError);
});

Deno.test("several runs become one by the mean of each sum", () => {
  const runs = [documentsOf([1, 2], [3, 4]), documentsOf([5, 8], [0, 1])];
  const mean = meanOverRuns(runs);
  assert.deepEqual(mean.map(({ name, nll, kl }) => [name, nll, kl]), [["0", 3, 1.5], [
    "1",
    5,
    2.5,
  ]]);
  assert.deepEqual(mean.map(({ tokens, bytes }) => [tokens, bytes]), [[1, 4], [1, 4]]);
  assert.deepEqual(mean.map(({ agreement }) => agreement), [0, 1]);
  const withoutReference = runs.map((run) => run.map((each) => ({ ...each, kl: null })));
  assert.equal(meanOverRuns(withoutReference)[0].kl, null);
  assert.deepEqual(meanOverRuns([runs[0]]), runs[0]);
});
