import assert from "node:assert/strict";
import { judgeClaims } from "../../lib/study/claims.ts";
import { type Evidence, publishedEvidence } from "../../lib/study/evidence.ts";
import { readPublishedNumbers } from "../../lib/study/published.ts";

const published = publishedEvidence(await readPublishedNumbers());

/** What the numbers say of one claim. */
const judge = (evidence: Evidence, claim: string) =>
  judgeClaims(evidence).find(({ id }) => id === claim)!;

/** Evidence that may be written to. */
type Draft<T> = { -readonly [K in keyof T]: Draft<T[K]> };

/** The published numbers with some of them changed. */
function changed(change: (evidence: Draft<Evidence>) => void): Evidence {
  const draft = structuredClone(published) as Draft<Evidence>;
  change(draft);
  return draft as Evidence;
}

const interval = (high: number) => ({ value: high - 0.01, low: high - 0.02, high });

Deno.test("there is one judgement for each published claim, in order", async () => {
  const { claims } = await readPublishedNumbers();
  assert.deepEqual(judgeClaims(published).map(({ id }) => id), claims.map(({ id }) => id));
});

const verdicts: readonly [claim: string, holds: boolean, because: RegExp][] = [
  // 51.48 / 48.03 and 315.36 / 95.64.
  ["C1", true, /power −0\.01, .*0\.43; slowest over fastest 1\.07 and 3\.30/],
  ["C2", true, /lower at 20 of 20 points, no intervals were published/],
  ["C3", false, /: health 5\.3 %, finance 4\.0 %, code 3\.9 %, wikitext 2\.8 %$/],
  ["C4", false, /lower on 3 of 4 pairs; not on .*Zephyr-7B-beta 8\.879 against 7\.791$/],
  ["C5", false, /Zephyr-7B-beta: 48\.7 % less time, perplexity 8\.879 against 7\.791$/],
  ["C6", false, /^1\.55 to 2\.17 times as fast, lower perplexity on 3 of 4 pairs$/],
  ["C7", true, /^a fine-tune is 10\.10 times its delta in bytes/],
];

for (const [claim, holds, because] of verdicts) {
  Deno.test(`${claim} ${holds ? "holds" : "does not hold"} by the published numbers`, () => {
    const judgement = judge(published, claim);
    assert.equal(judgement.holds, holds);
    assert.match(judgement.because, because);
  });
}

/** Small changes to the published numbers, each with the verdict that it leads to. */
const edits: readonly [
  claim: string,
  what: string,
  Parameters<typeof changed>[0],
  boolean | null,
][] = [
  ["C1", "time grows as the eighth root of the batch size", ({ wallClock }) => {
    for (const each of wallClock) each.activationAware = 48 * each.batchSize ** 0.125;
  }, false],
  ["C1", "time falls as fast", ({ wallClock }) => {
    for (const each of wallClock) each.activationAware = 48 * each.batchSize ** -0.125;
  }, false],
  ["C1", "time grows as the power 0.09 of the batch size", ({ wallClock }) => {
    for (const each of wallClock) each.activationAware = 48 * each.batchSize ** 0.09;
  }, true],
  ["C1", "one batch size takes half as long again, for no trend", ({ wallClock }) => {
    wallClock[2].activationAware *= 1.5;
  }, true],
  ["C2", "one point is as high as the standard", ({ curves: [code] }) => {
    code.points[2].activationAware = code.standard;
  }, false],
  ["C2", "all intervals lie below 0", ({ curves }) => {
    for (const { points } of curves) points.forEach((point) => point.difference = interval(-0.001));
  }, true],
  ["C2", "one interval reaches 0", ({ curves }) => {
    for (const { points } of curves) points.forEach((point) => point.difference = interval(-0.001));
    curves[1].points[0].difference = interval(0);
  }, false],
  ["C3", "health gains as little as wikitext", ({ curves: [, health] }) => {
    for (const point of health.points) point.activationAware = 0.972 * health.standard;
  }, true],
  ["C4", "Zephyr's perplexity falls below the standard", ({ pairs: [zephyr] }) => {
    zephyr.activationAwarePerplexity = 7.79;
  }, true],
  ["C4", "Zephyr's perplexity equals the standard", ({ pairs: [zephyr] }) => {
    zephyr.activationAwarePerplexity = zephyr.standardPerplexity;
  }, false],
  ["C5", "Zephyr's perplexity alone falls", ({ pairs: [zephyr] }) => {
    zephyr.activationAwarePerplexity = 7.79;
  }, false],
  ["C5", "Zephyr's time alone falls", ({ pairs: [zephyr] }) => {
    zephyr.activationAwareSeconds = 75;
  }, false],
  ["C5", "Zephyr's time and perplexity fall", ({ pairs: [zephyr] }) => {
    zephyr.activationAwareSeconds = 75;
    zephyr.activationAwarePerplexity = 7.79;
  }, true],
  ["C5", "no pair stands for Zephyr's", ({ pairs }) => {
    pairs[0].studyFine = null;
  }, null],
  ["C6", "Zephyr's perplexity falls", ({ pairs: [zephyr] }) => {
    zephyr.activationAwarePerplexity = 7.79;
  }, true],
  ["C6", "Zephyr's perplexity falls, and one pair is 1.49 times as fast", ({ pairs }) => {
    pairs[0].activationAwarePerplexity = 7.79;
    pairs[1].activationAwareSeconds = pairs[1].standardSeconds / 1.49;
  }, false],
  ["C7", "a delta is 2 % larger", ({ bytes }) => {
    bytes.delta *= 1.02;
  }, false],
];

for (const [claim, what, edit, holds] of edits) {
  Deno.test(`${claim}, if ${what}: ${holds ?? "cannot be told"}`, () => {
    assert.equal(judge(changed(edit), claim).holds, holds);
  });
}

Deno.test("C2 counts the points that are lower, and those by more than their interval", () => {
  const evidence = changed(({ curves }) => {
    for (const { points } of curves) points.forEach((point) => point.difference = interval(-0.001));
    curves[0].points[0].activationAware = 3;
    curves[0].points[0].difference = interval(0.2);
    curves[0].points[1].difference = interval(0.01);
  });
  const { because } = judge(evidence, "C2");
  assert.match(because, /lower at 19 of 20 points, by more than the 95 % interval at 18$/);
});

Deno.test("C7 tells what several fine-tunes save, their one base counted", () => {
  const evidence = changed((draft) => draft.bytes = { fine: 1600, delta: 100 });
  // 16 · 1600 against 1600 + 16 · 100.
  assert.match(judge(evidence, "C7").because, /is 16\.00 times .* 16 fine-tunes are 8\.00 times/);
});
