/**
 * Makes the embedded pairs under `data/checkpoints`: two bases and four fine-tunes. Seeded and
 * resumable; a checkpoint that is already there is left alone.
 */

import { join } from "node:path";
import { checkOutputs, type Output } from "../lib/util/check_output.ts";
import { type DeviceOptions, openEngine } from "../lib/engines/device.ts";
import { trainingDocuments } from "../lib/texts/domains.ts";
import { OptionError } from "../lib/util/errors.ts";
import { isThere } from "../lib/util/files.ts";
import { lockFolder } from "../lib/util/folder_lock.ts";
import type { Watch } from "../lib/util/progress.ts";
import { writeCard } from "../lib/embedded/card.ts";
import { type Recipe, recipes } from "../lib/embedded/recipes.ts";
import { trainRecipe } from "../lib/embedded/train.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { withDeviceOptions } from "./device_options.ts";
import { checkReplaceableTraining, type ForceOption, withForce } from "./replaceable.ts";

/** Text of each corpus that a tokenizer is made from. */
const CHARACTERS_A_CORPUS = 600_000;

/** What a folder has when nothing is to be done for it. */
const FILES = ["config.json", "card.json", "README.md"];

interface Options extends DeviceOptions, ForceOption {
  only?: string[];
  out: string;
  states: string;
  steps?: number;
}

const command = withForce(withDeviceOptions(script("train", "Trains the embedded pairs.")))
  .option("--only <names...>", "checkpoints to train; default: all six")
  .option("--out <folder>", "folder of the checkpoints", "data/checkpoints")
  .option("--states <folder>", "folder of unfinished runs", "results/training")
  .option("--steps <number>", "steps instead of the recipe's, for a try", wholeNumber(1));

await runScript<Options>(command, async (options, watch) => {
  const asked = [...new Set(chosen(options.only))];
  await checkPlaces(asked, options);
  using _checkpoints = await lockFolder(options.out);
  using _states = await lockFolder(options.states);
  for (const recipe of asked) {
    const has = (file: string) => isThere(join(options.out, recipe.name, file));
    if (!await has("config.json")) await train(recipe, options, watch);
    if (!await has("card.json") || !await has("README.md")) await score(recipe, options, watch);
  }
});

/**
 * A fine-tune starts from its base, which nothing else may be written into; and a folder to which
 * something is to be added must be one of ours.
 */
async function checkPlaces(asked: readonly Recipe[], options: Options): Promise<void> {
  const { out, states } = options;
  const folder = (option: string, path: string): Output => ({ option, path, kind: "folder" });
  const bases = asked.flatMap(({ base }) => base ?? []).filter((base) =>
    !asked.some(({ name }) => name === base)
  );
  await checkOutputs(
    [
      folder("--states", states),
      folder("--out", out),
      ...asked.map(({ name }) => folder("--only", join(out, name))),
    ],
    [...new Set(bases)].map((base) => ({ option: "--out", path: join(out, base) })),
  );
  for (const { name } of asked) {
    const has = await Promise.all(FILES.map((file) => isThere(join(out, name, file))));
    if (has.includes(false)) await checkReplaceableTraining(join(out, name), "--out", options);
  }
}

async function score(recipe: Recipe, options: Options, watch: Watch): Promise<void> {
  const engine = await openEngine(options);
  const card = await writeCard(recipe, { engine, checkpoints: options.out, ...watch });
  console.log(JSON.stringify(card, null, 1));
}

async function train(recipe: Recipe, options: Options, watch: Watch): Promise<void> {
  const { onProgress, signal } = watch;
  const settings = { ...recipe.settings, steps: options.steps ?? recipe.settings.steps };
  await trainRecipe({ ...recipe, settings }, {
    engine: await openEngine(options),
    checkpoints: options.out,
    states: options.states,
    documents: await Promise.all(recipe.corpora.map(trainingDocuments)),
    tokenizerTexts: recipe.base ? [] : await tokenizerTexts(),
    onProgress: (progress) =>
      onProgress?.({ ...progress, label: `${recipe.name}: ${progress.label}` }),
    signal,
  });
}

/** A tokenizer must serve all that is built on its base: a third of each body of training text. */
async function tokenizerTexts(): Promise<string[]> {
  const parts = await Promise.all(
    (["general", "answers", "code"] as const).map(async (corpus) => {
      const documents = await trainingDocuments(corpus);
      const characters = documents.reduce((sum, { text }) => sum + text.length, 0);
      const every = Math.max(1, Math.ceil(characters / CHARACTERS_A_CORPUS));
      return documents.filter((_, index) => index % every === 0).map(({ text }) => text);
    }),
  );
  return parts.flat();
}

function chosen(only: string[] | undefined): readonly Recipe[] {
  if (!only) return recipes;
  return only.map((name) => {
    const recipe = recipes.find((each) => each.name === name);
    if (recipe) return recipe;
    throw new OptionError({
      problem: "names no checkpoint",
      option: "--only",
      value: name,
      expected: recipes.map((each) => each.name).join(", "),
    });
  });
}
