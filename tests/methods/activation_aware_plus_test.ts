import assert from "node:assert/strict";
import { type Delta, loadDelta } from "../../lib/delta/delta.ts";
import { deltaBytes } from "../../lib/delta/delta_size.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import { isTable, wholeTensorNames } from "../../lib/checkpoint/weights.ts";
import { compress } from "../../lib/methods/compress.ts";
import { doubleBinary } from "../../lib/methods/double_binary.ts";
import { madeFrom } from "../../lib/methods/mod.ts";
import { refinedSigns } from "../../lib/methods/refined_signs.ts";
import { takeSequences } from "../../lib/texts/sequences.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { engine } from "./oracle_pair.ts";
import { tinyPair } from "./tiny_pair.ts";

const sequences = randomSequences([6, 6, 6, 6, 6], 6, TINY_CONFIG.vocabularySize, 3);
const plus = "activation-aware+";

Deno.test("the nearer of two families is kept, each of them made from the text that both see", async () => {
  await using pair = await tinyPair();
  const choice = { method: plus, settings: { rows: 16, aside: 2 } };
  const { base, fine } = pair;
  const { delta } = await compress(engine, base, fine, choice, sequences);
  const { chosen, ...told } = delta.metadata.settings;
  const families = [refinedSigns.name, doubleBinary.name];
  const kls = families.map((name) => Number(told[`KL of ${name}`]));
  assert.equal(chosen, families[kls.indexOf(Math.min(...kls))]);
  assert.ok(kls.every((kl) => kl > 0));
  const seen = takeSequences(sequences, 0, 3);
  const alone = { method: String(chosen), settings: { rows: 16, tables: "4-bit" } };
  const expected = await compress(engine, base, fine, alone, seen);
  assert.deepEqual((await loadDelta(delta)).layers, (await loadDelta(expected.delta)).layers);
  assert.ok(deltaBytes(delta) <= deltaBytes(planDelta(fine, choice)));
});

Deno.test("its light form is of signs alone, compares nothing and keeps no text aside", async () => {
  await using pair = await tinyPair();
  const choice = { method: plus, variant: "light", settings: { rows: 30 } };
  const { delta } = await compress(engine, pair.base, pair.fine, choice, sequences);
  assert.equal(delta.metadata.settings.chosen, refinedSigns.name);
  assert.deepEqual(madeFrom(choice), [
    { method: refinedSigns.name, settings: { rows: 30, padding: "left out", tables: "4-bit" } },
  ]);
  const linear = [...delta.layers].filter(([name]) => !isTable(name));
  assert.ok(linear.every(([, { terms: [{ codec }] }]) => codec === "signs"));
});

Deno.test("embedding and head take four bits unless they are asked for whole, and stay so where vectors are trained", async () => {
  await using pair = await tinyPair();
  const { base, fine } = pair;
  const expected = wholeTensorNames(fine.config).filter(isTable);
  const tablesOf = ({ layers, readLayer }: Delta) =>
    Promise.all([...layers.keys()].filter(isTable).map(readLayer));
  const light = { method: plus, variant: "light", settings: { rows: 12 } };
  const four = await tablesOf((await compress(engine, base, fine, light, sequences)).delta);
  assert.deepEqual(four.map(({ terms: [{ form }] }) => form.bits), expected.map(() => 4));
  const few = randomSequences(Array(18).fill(6), 6, TINY_CONFIG.vocabularySize, 3);
  const training = { method: "distilled-vectors", settings: { rows: 12, steps: 1, batch: 1 } };
  const trained = await compress(engine, base, fine, training, few);
  assert.deepEqual(await tablesOf(trained.delta), four);
  for (const variant of ["full", "light"]) {
    const asked = planDelta(fine, { method: plus, variant, settings: { tables: "whole" } });
    assert.deepEqual([...asked.whole.keys()].filter(isTable), expected, variant);
  }
});

Deno.test("vectors of it are trained, of either family, and tell what was chosen", async () => {
  await using pair = await tinyPair();
  for (const start of [refinedSigns.name, doubleBinary.name]) {
    const settings = { start, rows: 16, steps: 30, batch: 4, learningRate: 0.02 };
    const choice = { method: "distilled-vectors", settings };
    const { delta, losses } = await compress(engine, pair.base, pair.fine, choice, sequences);
    assert.ok(losses.at(-1)! < losses[0], `${start}: ${losses[0]} to ${losses.at(-1)}`);
    assert.equal(delta.metadata.method, "distilled-vectors");
    assert.equal(delta.metadata.settings.start, start);
  }
});
