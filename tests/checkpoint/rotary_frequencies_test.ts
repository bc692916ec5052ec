/** Frequencies of published configurations: float32, and as near to float64 as that lets them be. */

import assert from "node:assert/strict";
import { longestSequence, rotaryFrequencies } from "../../lib/checkpoint/rotary_frequencies.ts";
import type { RopeScaling } from "../../lib/checkpoint/settings/rope_scaling.ts";
import { publishedConfigurations } from "../../lib/studies/embedded_pairs/shapes/configurations.ts";
import { plainFrequencies } from "../model/plain/rotary_frequencies.ts";

const llama = { headSize: 128, ropeTheta: 1e4 };
const yarn = {
  type: "yarn",
  factor: 4,
  originalPositions: 32768,
  attentionFactor: 0.1 * Math.log(4) + 1,
  betaFast: 32,
  betaSlow: 1,
  truncate: true,
} as const;

const configs: Record<string, Parameters<typeof rotaryFrequencies>[0]> = {
  ...publishedConfigurations,
  "linear by an odd factor": { ...llama, ropeScaling: { type: "linear", factor: 2.7 } },
  "dynamic": {
    ...llama,
    ropeScaling: { type: "dynamic", factor: 3.7, originalPositions: 3000 },
  },
  "Qwen2.5 with yarn": { headSize: 128, ropeTheta: 1e6, ropeScaling: yarn },
  "yarn between pairs": {
    ...llama,
    ropeScaling: { ...yarn, factor: 2.7, betaFast: 20.5, betaSlow: 1.5, truncate: false },
  },
};

for (const [name, config] of Object.entries(configs)) {
  Deno.test(`frequencies of ${name} are those of the publications`, () => {
    for (const sequence of [1, 3000, 3001, 100_000]) {
      const { frequencies, attentionFactor } = rotaryFrequencies(config, sequence);
      const expected = plainFrequencies(config, sequence);
      assert.equal(attentionFactor, expected.attentionFactor);
      assert.equal(frequencies.length, config.headSize / 2);
      for (const [pair, frequency] of frequencies.entries()) {
        const apart = Math.abs(frequency / expected.frequencies[pair] - 1);
        // A few roundings; of dynamic positions the base has some of its own.
        assert.ok(apart < 6e-7, `pair ${pair} of ${sequence} tokens: ${frequency}, ${apart} apart`);
      }
    }
  });
}

Deno.test("dynamic positions are unscaled up to the original ones", () => {
  const dynamic = configs.dynamic;
  const at = (sequence: number) => [...rotaryFrequencies(dynamic, sequence).frequencies];
  assert.deepEqual([at(1500), at(3000)], [at(1), at(1)]);
  assert.notDeepEqual(at(3001), at(3000));
  assert.notDeepEqual(at(6000), at(3001));
});

Deno.test("Llama 3.1 leaves high frequencies and divides low ones by 8", () => {
  const { frequencies } = rotaryFrequencies(publishedConfigurations["llama-3.1-8b"], 8192);
  const { frequencies: unscaled } = rotaryFrequencies(publishedConfigurations["llama-3-8b"], 8192);
  const ratios = [...frequencies].map((each, pair) => unscaled[pair] / each);
  const near = (ratio: number, expected: number) => Math.abs(ratio / expected - 1) < 1e-6;
  assert.ok(ratios.slice(0, 29).every((each) => near(each, 1)));
  assert.ok(ratios.slice(29, 35).every((each) => each > 1.01 && each < 7.99));
  assert.ok(ratios.slice(35).every((each) => near(each, 8)));
});

Deno.test("scaled positions are made for sequences that are as many times as long", () => {
  const of = (ropeScaling?: RopeScaling) =>
    longestSequence({ maximumPositions: 4096, ropeScaling });
  assert.equal(of(), 4096);
  assert.equal(of({ type: "linear", factor: 2.5 }), 10240);
  assert.equal(of({ type: "dynamic", factor: 2, originalPositions: 4096 }), Infinity);
  // Lengths before the scaling, as Qwen's recipe leaves them, and after it, as YaRN's own models have them.
  assert.equal(of({ ...yarn, originalPositions: 4096 }), 16384);
  assert.equal(of({ ...yarn, originalPositions: 1024 }), 4096);
  assert.equal(longestSequence(publishedConfigurations["llama-3.1-8b"]), 131072);
});
