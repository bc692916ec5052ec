import assert from "node:assert/strict";
import { judgeClaims } from "../../../lib/studies/activation_aware_bitdelta/claims.ts";
import {
  ourEvidence,
  publishedEvidence,
} from "../../../lib/studies/activation_aware_bitdelta/evidence.ts";
import type { StudyMeasurement } from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import { readPublishedNumbers } from "../../../lib/studies/activation_aware_bitdelta/published.ts";
import { gatherResults } from "../../../lib/studies/activation_aware_bitdelta/results.ts";
import { bare } from "../../../lib/studies/activation_aware_bitdelta/verdict.ts";
import { madeUpMeasurements, madeUpProtocol } from "./made_up_study.ts";

/** The logarithmic mean of the made-up documents' factors 0.9, 1 and 1.25, and of both seeds. */
const ofDocuments = Math.cbrt(0.9 * 1.25);
const overSeeds = (without: number) =>
  ofDocuments * Math.sqrt((without + 1 / 64) * (without + 2 / 64));

/** Perplexity in the table of a pair, of which the second stands in the figures too. */
const inTable = (pair: string, without: number) =>
  pair === "a → c" ? overSeeds(without) : 1.5 * ofDocuments * (without + 2 / 64);

const near = (value: number, expected: number) =>
  assert.ok(Math.abs(value / expected - 1) < 1e-12, `${value} against ${expected}`);

Deno.test("published evidence has the published numbers in their places", async () => {
  const { isPublished, wallClock, curves, pairs } = publishedEvidence(await readPublishedNumbers());
  assert.ok(isPublished);
  assert.deepEqual(wallClock[0], { batchSize: 1, standard: [95.64], activationAware: [48.25] });
  assert.deepEqual(wallClock.at(-1), { batchSize: 32, standard: null, activationAware: [48.03] });
  assert.deepEqual(curves.map(({ domain }) => domain), ["code", "health", "finance", "wikitext"]);
  const difference = bare(7.9380 / 8.158336639404297 - 1);
  assert.deepEqual(curves[3].points[3], { size: 256, difference });
  assert.deepEqual(pairs[0], {
    name: "Mistral-7B-v0.1 → Zephyr-7B-beta",
    studyFine: "Zephyr-7B-beta",
    standardPerplexity: 7.790850,
    activationAwarePerplexity: 8.878828,
    difference: bare(8.878828 / 7.790850 - 1),
    standardTime: [150.73],
    activationAwareTime: [77.36],
  });
  assert.deepEqual([curves.length, pairs.length], [4, 4]);
});

Deno.test("published bytes are those of Llama-2-7b, counted by hand", async () => {
  const { bytes } = publishedEvidence(await readPublishedNumbers());
  // q, k, v, o: 4096²; gate, up, down: 4096 · 11008; in each of 32 layers.
  const linear = 32 * (4 * 16_777_216 + 3 * 45_088_768);
  // Embeddings and head: 32000 · 4096 each; two norms of 4096 a layer, and the last.
  const whole = 2 * 131_072_000 + 65 * 4096;
  assert.equal(linear + whole, 6_738_415_616, "the parameters that Llama-2-7b is known to have");
  assert.equal(bytes.fine, 2 * 6_738_415_616);
  assert.equal(bytes.delta, linear / 8 + 4 * 7 * 32 + 2 * whole);
  assert.equal((bytes.fine / bytes.delta).toFixed(2), "10.10");
});

Deno.test("our evidence is what our results say of one variant", () => {
  const results = gatherResults(madeUpMeasurements(), madeUpProtocol.bootstrapSeed);
  for (const [variant, start] of [["study-faithful", 9.25], ["corrected", 9]] as const) {
    const evidence = ourEvidence(results, madeUpProtocol, variant);
    assert.ok(!evidence.isPublished);
    // Figure 1 times the methods as the study ran them, and no others.
    const timed = variant === "corrected" ? [] : [1, 4];
    assert.deepEqual(
      evidence.wallClock,
      timed.map((batchSize) => ({
        batchSize,
        standard: [12, 13],
        activationAware: [3.125, 4.125],
      })),
    );
    assert.deepEqual(evidence.curves.map(({ domain }) => domain), madeUpProtocol.domains);
    for (const { points } of evidence.curves) {
      assert.deepEqual(points.map(({ size }) => size), [32, 256]);
      const [{ difference }] = points;
      near(1 + difference.value, overSeeds(start - 5 / 8) / overSeeds(start - 0.5));
    }
    assert.deepEqual(
      evidence.pairs.map(({ name, studyFine }) => [name, studyFine]),
      [["a → b", "Zephyr-7B-beta"], ["a → c", null]],
    );
    for (const pair of evidence.pairs) {
      near(pair.standardPerplexity, inTable(pair.name, start - 0.5));
      near(pair.activationAwarePerplexity, inTable(pair.name, start - 1));
      near(1 + pair.difference.value, pair.activationAwarePerplexity / pair.standardPerplexity);
    }
    // 3 + seed / 8 seconds of the second seed or of both, and a second more with each repeat.
    assert.deepEqual(
      evidence.pairs.map((pair) => [pair.standardTime, pair.activationAwareTime]),
      [
        [[1500, 1501, 1502], [4.875, 5.875, 6.875]],
        [[1000, 1000, 1001], [3.125, 3.25, 4.125]],
      ],
    );
    assert.deepEqual(evidence.bytes, { fine: 12e6, delta: 2e6 });
  }
});

Deno.test("the tables' size is no point of a curve that does not ask for it", () => {
  const protocol = { ...madeUpProtocol, calibrationSizes: [32, 64] };
  const measurements: StudyMeasurement[] = madeUpMeasurements(protocol);
  const evidence = ourEvidence(gatherResults(measurements, 7), protocol, "corrected");
  for (const { points } of evidence.curves) {
    assert.deepEqual(points.map(({ size }) => size), [32, 64]);
  }
  for (const { name, activationAwarePerplexity } of evidence.pairs) {
    near(activationAwarePerplexity, inTable(name, 9 - 1));
  }
});

Deno.test("of a single document nothing is known but its value", () => {
  const results = gatherResults(madeUpMeasurements(), 7);
  const quality = results.quality.map((each) => ({ ...each, documentCount: 1 }));
  const { curves, pairs } = ourEvidence({ ...results, quality }, madeUpProtocol, "corrected");
  for (const { difference } of [...curves.flatMap(({ points }) => points), ...pairs]) {
    assert.ok(difference.value < 0);
    assert.deepEqual([difference.low, difference.high], [-Infinity, Infinity]);
  }
  const verdicts = judgeClaims(ourEvidence({ ...results, quality }, madeUpProtocol, "corrected"));
  for (const id of ["C2", "C3", "C4"]) {
    assert.equal(verdicts.find((each) => each.id === id)!.holds, null, id);
  }
});

Deno.test("the claims are about two methods: another one changes nothing", () => {
  const results = gatherResults(madeUpMeasurements(), 7);
  const another = <Row extends { method: string; variant: string | null }>(
    rows: readonly Row[],
  ) => [
    ...rows.filter(({ method }) => method !== "base").map((row) => ({ ...row, method: "another" })),
    ...rows,
    ...rows.map((row) => ({ ...row, method: "another", variant: "corrected" })),
  ];
  const { quality, cost, wallClock } = results;
  const more = {
    ...results,
    quality: another(quality),
    cost: another(cost),
    wallClock: another(wallClock),
  };
  for (const variant of madeUpProtocol.variants) {
    const [evidence, same] = [results, more].map((each) =>
      ourEvidence(each, madeUpProtocol, variant)
    );
    assert.deepEqual(same, evidence);
  }
});
