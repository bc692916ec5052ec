import assert from "node:assert/strict";
import { studyDigest } from "../../../lib/studies/activation_aware_bitdelta/digest.ts";
import { gatherResults } from "../../../lib/studies/activation_aware_bitdelta/results.ts";
import { madeUpMeasurements, madeUpProtocol } from "./made_up_study.ts";

const results = gatherResults(madeUpMeasurements(), madeUpProtocol.bootstrapSeed);
const lines = studyDigest(results, madeUpProtocol);

Deno.test("a study in a few lines: perplexities of the tables' domain, aligned", () => {
  // ∛(0.9 · 1.25) times 8, 10, and √((x + 1/64)(x + 2/64)) with x = 8.75 and 8.25; the first pair has
  // 1.5 times all of it, and x + 2/64 of its one seed.
  assert.deepEqual(lines.slice(0, 3), [
    "Perplexity, general text, study-faithful  fine-tune  initial  distilled  activation-aware",
    "a → b                                        12.481   15.601     13.699            12.919",
    "a → c                                         8.320   10.400      9.125             8.605",
  ]);
});

Deno.test("each variant has a line with the verdict on each claim", () => {
  const claims = lines.slice(3);
  assert.equal(claims.length, madeUpProtocol.variants.length);
  for (const line of claims) {
    assert.deepEqual(line.match(/C\d/g)!.toSorted(), ["C1", "C2", "C3", "C4", "C5", "C6", "C7"]);
    // Activation-aware is lower on both pairs, and a fine-tune is 6 or 9 times its delta.
    assert.match(line, /: [^,]*C4[^,]* hold, [^,]*C7 does not hold/);
  }
  assert.match(
    claims[1],
    /^Claims, corrected: .*, C1 [^,]*cannot be told$/,
    "Figure 1 is not of this one",
  );
});
