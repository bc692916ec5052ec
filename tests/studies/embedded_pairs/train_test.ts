/** The way of a recipe to a checkpoint folder, with recipes of a few seconds. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { torchAdamW } from "../../../lib/training/adamw.ts";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import type { Progress, Watch } from "../../../lib/util/progress.ts";
import type { Recipe } from "../../../lib/studies/embedded_pairs/recipes.ts";
import { trainRecipe } from "../../../lib/studies/embedded_pairs/train.ts";
import { engine } from "../../methods/oracle_pair.ts";
import { filesIn, temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";
import { tinyConfig } from "../../model/random_model.ts";
import { RHYME } from "./small_tokenizer.ts";

const BASE: Recipe = {
  name: "tiny-base",
  base: null,
  corpora: ["general"],
  config: { ...tinyConfig, vocabularySize: 284, hiddenSize: 32, layerCount: 1 },
  settings: {
    batch: 2,
    sequence: 16,
    steps: 8,
    learningRate: 0.01,
    warmUp: 2,
    clipNorm: 1,
    optimizer: torchAdamW,
  },
  seed: 1,
};
const FINE: Recipe = { ...BASE, name: "tiny-fine", base: "tiny-base", seed: 2 };

/** Trains a recipe into `folder`, on the rhyme. */
function trainTiny(recipe: Recipe, folder: string, watch: Watch = {}): Promise<void> {
  return trainRecipe(recipe, {
    engine,
    checkpoints: join(folder, "checkpoints"),
    states: join(folder, "states"),
    documents: [[{ name: "rhyme", text: RHYME }, { name: "again", text: RHYME }]],
    tokenizerTexts: recipe.base ? [] : [RHYME],
    ...watch,
  });
}

/** Starts to train the base and stops it as a user's Ctrl-C would. */
async function stopAfterThreeSteps(folder: string): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("enough");
  const stopped = trainTiny(BASE, folder, {
    signal: controller.signal,
    onProgress: ({ label, done }) =>
      label.startsWith("loss") && done === 3 && controller.abort(reason),
  });
  await assert.rejects(stopped, reason);
}

/** Trains a recipe to its end and answers the steps that this run took. */
async function stepsTaken(recipe: Recipe, folder: string): Promise<number[]> {
  const steps: number[] = [];
  await trainTiny(recipe, folder, {
    onProgress: ({ label, done }) => label.startsWith("loss") && steps.push(done),
  });
  return steps;
}

const modelBytes = (folder: string, { name }: Recipe) =>
  Deno.readFile(join(folder, "checkpoints", name, "model.safetensors"));

Deno.test("a base and a fine-tune become checkpoints that open, with their tokenizer", async () => {
  await using folder = await temporaryFolder();
  for (const recipe of [BASE, FINE]) {
    const reports: Progress[] = [];
    await trainTiny(recipe, folder.path, { onProgress: (report) => reports.push(report) });
    assert.match(reports.at(-1)!.label, /^loss \d\.\d{3}$/);
    assert.deepEqual([reports.at(-1)!.done, reports.at(-1)!.total], [8, 8]);

    const directory = join(folder.path, "checkpoints", recipe.name);
    assert.deepEqual(
      filesIn(directory),
      [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
      ],
    );
    using checkpoint = await Checkpoint.open(directory);
    assert.deepEqual(checkpoint.config, recipe.config);
    const tokenizer = await checkpoint.tokenizer();
    assert.equal(await tokenizer.decode(await tokenizer.encode("the cat sat")), "the cat sat");
    assert.equal(checkpoint.info("model.embed_tokens.weight").dtype, "BF16");
    assert.deepEqual(filesIn(join(folder.path, "states")), [], "a finished run leaves no state");

    const record = JSON.parse(await Deno.readTextFile(join(directory, "training.json")));
    const { name, base, corpora, seed, settings } = recipe;
    const told = { name, base, corpora, seed, settings, documents: [2], engine: engine.name };
    assert.deepEqual({ ...record, ...told }, record);
    assert.ok(record.finalLoss < record.lossEvery50Steps[0], "the loss falls");
  }
  // The fine-tune starts where its base ended, so its first loss is below the base's.
  const [base, fine] = await Promise.all([BASE, FINE].map(async ({ name }) =>
    JSON.parse(
      await Deno.readTextFile(join(folder.path, "checkpoints", name, "training.json")),
    )
  ));
  assert.ok(fine.lossEvery50Steps[0] < base.lossEvery50Steps[0]);
  assert.notDeepEqual(await modelBytes(folder.path, FINE), await modelBytes(folder.path, BASE));
});

Deno.test("a run that is stopped leaves no checkpoint, and goes on to the same weights", async () => {
  await using whole = await temporaryFolder();
  await trainTiny(BASE, whole.path);

  await using folder = await temporaryFolder();
  await stopAfterThreeSteps(folder.path);
  const directory = join(folder.path, "checkpoints", BASE.name);
  assert.deepEqual(filesIn(directory), ["tokenizer.json", "tokenizer_config.json"]);
  const states = filesIn(join(folder.path, "states"));
  assert.match(states.join(), /^tiny-base-[0-9a-f]{12}\.safetensors$/);

  assert.deepEqual(await stepsTaken(BASE, folder.path), [4, 5, 6, 7, 8]);
  assert.deepEqual(await modelBytes(folder.path, BASE), await modelBytes(whole.path, BASE));
  const losses = await Promise.all([whole, folder].map(async ({ path }) => {
    const record = join(path, "checkpoints", BASE.name, "training.json");
    return JSON.parse(await Deno.readTextFile(record)).finalLoss;
  }));
  assert.equal(losses[0], losses[1]);
});

Deno.test("a state of another recipe is left alone", async () => {
  await using folder = await temporaryFolder();
  await stopAfterThreeSteps(folder.path);
  assert.equal((await stepsTaken({ ...BASE, seed: BASE.seed + 1 }, folder.path))[0], 1);
  assert.equal(filesIn(join(folder.path, "states")).length, 1);
});
