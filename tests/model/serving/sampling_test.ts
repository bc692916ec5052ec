/** The choice of tokens against a plain version that sorts everything, and against definitions. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Sampler } from "../../../lib/model/serving/sampling.ts";
import { completeSampling, type Sampling } from "../../../lib/model/serving/sampling_settings.ts";
import { DivergenceError, OptionError } from "../../../lib/util/errors.ts";
import { SeededRandom } from "../../../lib/util/random.ts";
import { drawn, plainProbabilities } from "./plain_sampling.ts";

const VOCABULARY = 40;
const id = fc.integer({ min: 0, max: VOCABULARY - 1 });
/** Logits of few values, so that many are equal. */
const logits = fc.array(
  fc.integer({ min: -12, max: 12 }).map((half) => half / 2),
  { minLength: VOCABULARY, maxLength: VOCABULARY },
);
const settings = fc.record({
  temperature: fc.constantFrom(0, 0.3, 1, 1.7),
  topK: fc.constantFrom(0, 1, 3, 10, 39, 100),
  topP: fc.constantFrom(0, 0.05, 0.5, 0.9, 0.999, 1),
  minP: fc.constantFrom(0, 0.01, 0.2, 1),
  repetitionPenalty: fc.constantFrom(0.5, 1, 1.3),
  presencePenalty: fc.constantFrom(-1, 0, 0.7),
  frequencyPenalty: fc.constantFrom(-0.4, 0, 0.9),
  seed: fc.maxSafeInteger(),
  logitBias: fc.array(fc.tuple(id, fc.integer({ min: -100, max: 100 })), { maxLength: 3 })
    .map((pairs) => new Map(pairs)),
}, { requiredKeys: [] }) as fc.Arbitrary<Partial<Sampling>>;

Deno.test("tokens are those that the definitions allow, each as likely as they say", () => {
  fc.assert(
    fc.property(
      settings,
      fc.array(id, { minLength: 1, maxLength: 6 }),
      fc.array(logits, { minLength: 1, maxLength: 5 }),
      (given, prompt, steps) => {
        const sampling = completeSampling(given, VOCABULARY);
        const sampler = new Sampler(sampling, Int32Array.from(prompt));
        const again = new Sampler(sampling, Int32Array.from(prompt));
        const answer: number[] = [];
        for (const step of steps) {
          const expected = plainProbabilities(step, sampling, prompt, answer);
          const row = Float32Array.from(step);
          const { token, logprob, top } = sampler.next(row);
          assert.ok(expected.has(token), `${token} of ${[...expected.keys()]}`);
          assert.equal(again.next(row).token, token);
          assert.deepEqual([...row], step);
          assert.deepEqual([logprob, top], [null, []]);
          answer.push(token);
        }
      },
    ),
    { numRuns: 1500 },
  );
});

Deno.test("the seed's numbers fall on the tokens that are kept, of equals the first, in the order of ids", () => {
  const random = new SeededRandom(7);
  const cases: Partial<Sampling>[] = [
    {},
    ...[1, 33, 100, 500].map((topK) => ({ topK, temperature: 2 })),
    ...[0, 0.3, 0.5, 0.8, 0.95, 0.99].map((topP) => ({ topP, temperature: 2 })),
    { topK: 1200, topP: 0.8, temperature: 0.5 },
    { minP: 0.02, topP: 0.7 },
  ];
  for (const size of [1, 63, 64, 1000, 3000]) {
    // All different, and of twenty values.
    for (const logit of [() => 2 * random.normal(), () => random.integer(20) / 4]) {
      const row = Float32Array.from({ length: size }, logit);
      for (const given of cases) {
        const sampling = completeSampling({ ...given, seed: 11 }, size);
        const probabilities = plainProbabilities([...row], sampling, [0], []);
        const sampler = new Sampler(sampling, Int32Array.of(0));
        const chance = new SeededRandom(11 + 0x9e3779b1);
        for (let step = 0; step < 10; step++) {
          assert.equal(sampler.next(row).token, drawn(probabilities, chance.uniform()));
        }
      }
    }
  }
});

Deno.test("frequencies of drawn tokens are their probabilities", () => {
  const row = Float32Array.of(0, 1, 2, -1, 0.5);
  const sampling = completeSampling({ temperature: 0.8 }, row.length);
  const expected = plainProbabilities([...row], sampling, [0], []);
  const sampler = new Sampler(sampling, Int32Array.of(0));
  const counts = new Float64Array(row.length);
  const draws = 20_000;
  for (let draw = 0; draw < draws; draw++) counts[sampler.next(row).token]++;
  for (const [token, probability] of expected) {
    const deviation = Math.sqrt(probability * (1 - probability) / draws);
    assert.ok(Math.abs(counts[token] / draws - probability) < 5 * deviation);
  }
});

Deno.test("log probabilities are the model's own, the likeliest first, of equals the lowest id", () => {
  fc.assert(fc.property(settings, logits, fc.integer({ min: 0, max: 20 }), (given, step, most) => {
    const sampling = completeSampling({ ...given, logprobs: most }, VOCABULARY);
    const { token, logprob, top } = new Sampler(sampling, Int32Array.of(1, 2))
      .next(Float32Array.from(step));
    const total = Math.log(step.reduce((sum, logit) => sum + Math.exp(logit), 0));
    const order = step.map((_, id) => id).sort((a, b) => step[b] - step[a] || a - b);
    assert.deepEqual(top.map((each) => each.token), order.slice(0, most));
    for (const each of [{ token, logprob: logprob! }, ...top]) {
      assert.ok(Math.abs(each.logprob - (step[each.token] - total)) < 1e-12);
    }
  }));
});

Deno.test("seeds that differ in any bit give other answers", () => {
  const row = new Float32Array(1000);
  const answer = (seed: number) => {
    const sampler = new Sampler(completeSampling({ seed }, row.length), Int32Array.of(0));
    return Array.from({ length: 6 }, () => sampler.next(row).token).join();
  };
  const seeds = [0, 1, 2, -1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER];
  assert.equal(new Set(seeds.map(answer)).size, seeds.length);
  // The default one's first number is not near 0, where every first token would be the first of all.
  assert.doesNotMatch(answer(0), /^\d\b/);
});

Deno.test("logits that are no numbers are refused, and a token that cannot come does no harm", () => {
  const sampler = new Sampler(completeSampling({}, 3), Int32Array.of(0));
  assert.equal(sampler.next(Float32Array.of(-Infinity, 0, -Infinity)).token, 1);
  for (
    const row of [[0, NaN, 1], [NaN, 0, 1], [0, 1, Infinity], [-Infinity, -Infinity, -Infinity]]
  ) {
    assert.throws(() => sampler.next(Float32Array.from(row)), DivergenceError);
  }
});

Deno.test("what is out of its bounds is refused by its name", () => {
  const refused: [string, Record<string, unknown>][] = [
    ["temperature", { temperature: -0.1 }],
    ["temperature", { temperature: NaN }],
    ["topK", { topK: 1.5 }],
    ["topP", { topP: 1.01 }],
    ["minP", { minP: -1 }],
    ["repetitionPenalty", { repetitionPenalty: 0 }],
    ["presencePenalty", { presencePenalty: 3 }],
    ["frequencyPenalty", { frequencyPenalty: -2.1 }],
    ["seed", { seed: 2 ** 60 }],
    ["logprobs", { logprobs: 21 }],
    ["logitBias", { logitBias: new Map([[40, 1]]) }],
    ["logitBias", { logitBias: new Map([[1, 101]]) }],
    ["logitBias", { logitBias: new Map([[1, NaN]]) }],
    ["warmth", { warmth: 1 }],
  ];
  for (const [option, given] of refused) {
    assert.throws(
      () => completeSampling(given, VOCABULARY),
      (error) => error instanceof OptionError && error.fault.option === option,
    );
  }
});
