/** Evaluations that are stopped at any moment and go on: the same numbers, and no layer twice. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { keepScores } from "../../lib/evaluation/kept_scores.ts";
import { scoreModels } from "../../lib/evaluation/score_documents.ts";
import type { TokenText } from "../../lib/evaluation/token_text.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { withMemory } from "../graph/with_memory.ts";
import { countingEngine } from "../methods/counting_engine.ts";
import { engine } from "../methods/oracle_pair.ts";
import { randomModel, randomTokens, tinyConfig } from "../model/random_model.ts";
import { killedEverywhere } from "../util/killed_everywhere.ts";
import { textOfTokens } from "./oracle_perplexity.ts";

const config = { ...tinyConfig, layerCount: 3 };
const [fine, model] = [1, 2].map((seed) => ({
  ...randomModel(config, seed),
  name: `seed ${seed}`,
}));
// Windows of two lengths.
const text: TokenText = textOfTokens("random", [...randomTokens(config, 50, 4)]);
const settings = { windows: { context: 8, window: 4 }, reference: fine, bootstrapSeed: 1 };
const KEY = { models: "1 and 2" };

/** Scores both models with what a folder keeps, and removes it. */
async function score(folder: string, by: Engine, onProgress?: (report: Progress) => void) {
  await using kept = await keepScores(join(folder, "state"), KEY);
  const scores = await scoreModels(by, { model, fine }, text, settings, { kept, onProgress });
  await kept.remove();
  return scores;
}

const engines = { "that stay": engine, "that are streamed": withMemory(engine, 0) };
for (const [name, by] of Object.entries(engines)) {
  Deno.test(`killed at any moment, of models ${name}: the same scores, and less is left to do`, async () => {
    await using folder = await temporaryFolder();
    const expected = await scoreModels(by, { model, fine }, text, settings);
    const copies = await killedEverywhere(folder.path, async () => {
      assert.deepEqual(await score(folder.path, by), expected);
    });
    assert.deepEqual(filesIn(folder.path), []);
    const works: number[] = [];
    for (const [index, copy] of copies.entries()) {
      if (index % (by === engine ? 3 : 5) === 0) {
        const { engine: counted, held } = countingEngine(by);
        assert.deepEqual(await score(copy, counted), expected, `moment ${index}`);
        assert.equal(held.placed, 0);
        assert.deepEqual(filesIn(copy), []);
        works.push(held.works);
      }
      await Deno.remove(copy, { recursive: true });
    }
    assert.ok(works.length > 8);
    // While it is removed nothing of it counts any longer.
    const before = works.slice(0, -2);
    assert.deepEqual(before, before.toSorted((a, b) => b - a), "never more");
    assert.ok(before.at(-1)! < works[0] / 3, `${works}`);
  });
}

Deno.test("of another key nothing is taken up, and it is said why", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state");
  {
    await using kept = await keepScores(path, KEY);
    await scoreModels(engine, { model }, text, settings, { kept });
  }
  const { engine: counted, held } = countingEngine(engine);
  {
    await using kept = await keepScores(path, { models: "1 and 3" });
    assert.equal(kept.anew, "it was begun with another models");
    await scoreModels(counted, { model }, text, settings, { kept });
  }
  const works = held.works;
  await using kept = await keepScores(path, { models: "1 and 3" });
  await scoreModels(counted, { model }, text, settings, { kept });
  // What was scored is read.
  assert.ok(held.works - works < works / 4, `${held.works - works} of ${works}`);
});

Deno.test("models of one name, as two deltas of a method on one base have, keep their own scores", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state");
  const [other, first, second] = [3, 4, 5].map((seed) => ({
    ...randomModel(config, seed),
    name: "one name",
  }));
  const models = { first, second, other };
  const alike = { ...settings, reference: other };
  const expected = await scoreModels(engine, models, text, alike);
  for (let run = 0; run < 2; run++) {
    await using kept = await keepScores(path, KEY);
    assert.deepEqual(await scoreModels(engine, models, text, alike, { kept }), expected);
  }
});
