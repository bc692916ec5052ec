/** The committed checkpoints: present, small, and as good as their cards say. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { linearLayerNames } from "../../../lib/checkpoint/weights.ts";
import type { TextDocument } from "../../../lib/texts/document.ts";
import {
  type Corpus,
  domains,
  evaluationDocuments,
  heldOutDocuments,
  trainingDocuments,
} from "../../../lib/texts/domains.ts";
import { Evaluator } from "../../../lib/evaluation/evaluator.ts";
import { tokenText } from "../../../lib/evaluation/token_text.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { embeddedProtocol } from "../../../lib/studies/activation_aware_bitdelta/protocol.ts";
import type { Card } from "../../../lib/studies/embedded_pairs/card.ts";
import { type Recipe, recipes } from "../../../lib/studies/embedded_pairs/recipes.ts";

// One thread, as other files of tests run beside this one.
const engine = onnxEngine({ threads: 1 });
const folder = fileURLToPath(new URL("../../../data/checkpoints/", import.meta.url));
const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(join(folder, path)));

/** The shortest text of a card: a text alone shows whether these are the weights that it speaks of. */
async function shortestText({ corpora }: Recipe): Promise<[string, readonly TextDocument[]]> {
  return corpora.includes("code")
    ? ["held-out code", await heldOutDocuments("code")]
    : ["finance", await evaluationDocuments("finance")];
}

/** Documents of each corpus, counted once for the recipes of both families. */
const counts = new Map<Corpus, Promise<number>>();
function trainingCount(corpus: Corpus): Promise<number> {
  const count = counts.get(corpus) ?? trainingDocuments(corpus).then(({ length }) => length);
  counts.set(corpus, count);
  return count;
}

for (const recipe of recipes) {
  Deno.test(`${recipe.name} is what its card says`, async () => {
    const { perplexities: { own, base } }: Card = await readJson(`${recipe.name}/card.json`);
    using checkpoint = await Checkpoint.open(join(folder, recipe.name));
    const [name, documents] = await shortestText(recipe);
    const text = await tokenText(name, documents, await checkpoint.tokenizer());
    const evaluator = new Evaluator(engine, checkpoint.config, embeddedProtocol.windows);
    const { perplexity } = await evaluator.score(checkpoint, text);
    await evaluator.release();
    assert.ok(Math.abs(perplexity / own[name] - 1) < 1e-3, `${perplexity} against ${own[name]}`);

    if (base) {
      // A fine-tune is far better than its base on text that neither has seen.
      for (const corpus of recipe.corpora) {
        const text = `held-out ${corpus}`;
        assert.ok(own[text] <= 0.75 * base[text], `${own[text]} beside ${base[text]} of its base`);
      }
      const card: Card = await readJson(`${recipe.base}/card.json`);
      for (const domain of domains) {
        assert.equal(base[domain], card.perplexities.own[domain], `its base on ${domain}`);
      }
    }
    const record = await readJson(`${recipe.name}/training.json`);
    const { base: from, corpora, seed, settings } = recipe;
    assert.deepEqual({ ...record, name: recipe.name, base: from, corpora, seed, settings }, record);
    assert.deepEqual(record.documents, await Promise.all(corpora.map(trainingCount)));
  });
}

for (const { name, base } of recipes.filter((recipe) => recipe.base)) {
  Deno.test(`${name} moves the weights by a quarter to a third, as the README says`, async () => {
    using before = await Checkpoint.open(join(folder, base!));
    using after = await Checkpoint.open(join(folder, name));
    let moved = 0;
    let size = 0;
    for (const layer of linearLayerNames(before.config)) {
      const from = await before.readFloat32(`${layer}.weight`);
      const to = await after.readFloat32(`${layer}.weight`);
      from.forEach((weight, index) => {
        moved += Math.abs(to[index] - weight);
        size += Math.abs(weight);
      });
    }
    assert.ok(moved / size >= 0.25 && moved / size <= 1 / 3, `${moved / size}`);
  });
}

Deno.test("all checkpoints together take at most 25 MB", async () => {
  let bytes = 0;
  for (const { name } of recipes) {
    for await (const entry of Deno.readDir(join(folder, name))) {
      bytes += (await Deno.stat(join(folder, name, entry.name))).size;
    }
  }
  assert.ok(bytes <= 25e6, `${bytes} bytes`);
});
