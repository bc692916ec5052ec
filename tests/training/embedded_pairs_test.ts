/** The committed checkpoints: present, small, and as good as their cards say. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { linearLayerNames } from "../../lib/checkpoint/weights.ts";
import { type Corpus, heldOutDocuments, trainingDocuments } from "../../lib/domains/domains.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import { tokenText } from "../../lib/evaluation/token_text.ts";
import { onnxEngine } from "../../lib/onnx/engine.ts";
import { embeddedProtocol } from "../../lib/study/protocol.ts";
import type { Card } from "../../lib/training/card.ts";
import { recipes } from "../../lib/training/recipes.ts";

const folder = fileURLToPath(new URL("../../data/checkpoints/", import.meta.url));
const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(join(folder, path)));

async function perplexity(name: string, corpus: Corpus): Promise<number> {
  using checkpoint = await Checkpoint.open(join(folder, name));
  const text = await tokenText(
    corpus,
    await heldOutDocuments(corpus),
    await checkpoint.tokenizer(),
  );
  const evaluator = new Evaluator(onnxEngine(), checkpoint.config, embeddedProtocol.windows);
  const summary = await evaluator.score(checkpoint, text);
  await evaluator.release();
  return summary.perplexity;
}

for (const recipe of recipes) {
  Deno.test(`${recipe.name} is what its card says`, async () => {
    const { perplexities: { own, base } }: Card = await readJson(`${recipe.name}/card.json`);
    for (const corpus of recipe.corpora) {
      const text = `held-out ${corpus}`;
      const measured = await perplexity(recipe.name, corpus);
      assert.ok(Math.abs(measured / own[text] - 1) < 1e-3, `${measured} against ${own[text]}`);
      if (!recipe.base) continue;
      const before = await perplexity(recipe.base, corpus);
      assert.ok(Math.abs(before / base![text] - 1) < 1e-3, `${before} against ${base![text]}`);
      assert.ok(measured <= 0.75 * before, `${measured} is not far enough below ${before}`);
    }
    const record = await readJson(`${recipe.name}/training.json`);
    const { name, corpora, seed, settings } = recipe;
    assert.deepEqual({ ...record, name, base: recipe.base, corpora, seed, settings }, record);
    const documents = await Promise.all(corpora.map(trainingDocuments));
    assert.deepEqual(record.documents, documents.map(({ length }) => length));
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
