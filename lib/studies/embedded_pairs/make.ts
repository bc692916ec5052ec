/**
 * The embedded checkpoints made again: two bases and four fine-tunes, seeded and resumable. What
 * determines them stands in `recipes.ts`, one training in `train.ts`.
 */

import { join } from "node:path";
import type { Engine } from "../../graph/engine.ts";
import { trainingDocuments } from "../../texts/domains.ts";
import { OptionError } from "../../util/errors.ts";
import { isThere } from "../../util/files.ts";
import { lockFolder } from "../../util/folder_lock.ts";
import type { Watch } from "../../util/progress.ts";
import { type Card, writeCard } from "./card.ts";
import { recipes } from "./recipes.ts";
import { trainRecipe } from "./train.ts";

/** Text of each corpus that a tokenizer is made from. */
const CHARACTERS_A_CORPUS = 600_000;

/** A checkpoint of `data/checkpoints`. */
export interface EmbeddedCheckpoint {
  /** Its folder. */
  readonly name: string;
  /** The folder of its base; `null` for a base. */
  readonly base: string | null;
}

/** The embedded checkpoints; a base stands before its fine-tunes. */
export const embeddedCheckpoints: readonly EmbeddedCheckpoint[] = recipes;

/** Where a checkpoint is made. */
export interface MakeOptions extends Watch {
  /** Runs the graphs. */
  readonly engine: Engine;
  /** Folder of all checkpoints; a fine-tune's base is read from it. */
  readonly checkpoints: string;
  /** Folder of unfinished runs. */
  readonly states: string;
  /** Steps instead of the recipe's, for a try. */
  readonly steps?: number;
}

/**
 * Makes an embedded checkpoint and its card, going on from what an earlier run left; what is there already
 * is left alone.
 *
 * @returns its card, if that had to be made.
 * @throws {OptionError} if there is no embedded checkpoint of this name.
 * @throws {OutputError} if a folder cannot be written, or another run is at work there.
 * @throws {CheckpointError} if a fine-tune's base is not there.
 *
 * @example
 * ```ts
 * import {
 *   embeddedCheckpoints,
 *   makeEmbeddedCheckpoint,
 *   onnxEngine,
 *   OptionError,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.ok(embeddedCheckpoints.some(({ name }) => name === "llama-base"));
 * const options = { engine: onnxEngine(), checkpoints: "data/checkpoints", states: "results" };
 * await assert.rejects(makeEmbeddedCheckpoint("llama-poet", options), OptionError);
 * ```
 */
export async function makeEmbeddedCheckpoint(
  name: string,
  { engine, checkpoints, states, steps, onProgress, signal }: MakeOptions,
): Promise<Card | null> {
  const recipe = recipes.find((each) => each.name === name);
  if (!recipe) {
    throw new OptionError({
      problem: "names no embedded checkpoint",
      option: "name",
      value: name,
      expected: recipes.map((each) => each.name).join(", "),
    });
  }
  using _checkpoints = await lockFolder(checkpoints);
  using _states = await lockFolder(states);
  const has = (file: string) => isThere(join(checkpoints, name, file));
  if (!await has("config.json")) {
    const settings = { ...recipe.settings, steps: steps ?? recipe.settings.steps };
    await trainRecipe({ ...recipe, settings }, {
      engine,
      checkpoints,
      states,
      documents: await Promise.all(recipe.corpora.map(trainingDocuments)),
      tokenizerTexts: recipe.base ? [] : await tokenizerTexts(),
      onProgress: (progress) => onProgress?.({ ...progress, label: `${name}: ${progress.label}` }),
      signal,
    });
  }
  if (await has("card.json") && await has("README.md")) return null;
  return await writeCard(recipe, { engine, checkpoints, onProgress, signal });
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
