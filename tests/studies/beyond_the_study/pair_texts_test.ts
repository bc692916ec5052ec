import assert from "node:assert/strict";
import {
  calibrationsOf,
  embeddedPairTexts,
} from "../../../lib/studies/beyond_the_study/pair_texts.ts";

/** Lines that say something: short ones, as `}` of a program, are in every text. */
const linesOf = (texts: readonly string[]) =>
  new Set(texts.flatMap((text) => text.split("\n")).filter(({ length }) => length > 60));

Deno.test("what is scored as code is not calibrated with, but for lines that many files have", async () => {
  const texts = embeddedPairTexts("code");
  const scored = linesOf((await texts.evaluation("code")).map(({ text }) => text));
  const seen = linesOf(await texts.own!(1));
  assert.ok(scored.size > 100 && seen.size > 1000);
  assert.ok([...scored].filter((line) => seen.has(line)).length < 0.1 * scored.size);
});

Deno.test("mixed text is general text and the own domain's by turns", async () => {
  const texts = embeddedPairTexts("code");
  const { own, mixed } = calibrationsOf(texts)!;
  const [general, ofDomain, both] = await Promise.all([texts.calibration(2), own(2), mixed(2)]);
  assert.deepEqual(both.slice(0, 4), [general[0], ofDomain[0], general[1], ofDomain[1]]);
  assert.notDeepEqual(ofDomain, await own(3));
  assert.deepEqual(calibrationsOf(embeddedPairTexts(null)), {});
});
