/**
 * How the two checkpoints of a pair differ beyond their weights, in words: what a delta holds besides, and what
 * becomes less exact by it.
 */

import type { Checkpoint } from "./checkpoint.ts";
import { configChanges } from "./config_changes.ts";
import type { FloatType } from "./tensor.ts";
import { linearLayerNames } from "./weights.ts";

/** From the coarsest to the finest. */
const TYPES: readonly FloatType[] = ["BF16", "F16", "F32"];

/**
 * Sentences to stand below a result; none for a pair that differs in weights alone.
 *
 * @example
 * ```ts
 * import { Pair, pairNotes, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-code"),
 * );
 * assert.deepEqual(pairNotes(pair.base, pair.fine), []);
 * ```
 */
export function pairNotes(base: Checkpoint, fine: Checkpoint): string[] {
  return [...ofVocabulary(base, fine), ...ofSettings(base, fine), ...ofTypes(base, fine)];
}

function ofVocabulary({ config: base }: Checkpoint, { config: fine }: Checkpoint): string[] {
  const notes: string[] = [];
  const [before, after] = [base.vocabularySize, fine.vocabularySize];
  if (before !== after) {
    notes.push(
      `The fine-tune has ${after} tokens, its base ${before}: the fine-tune's are stored, and the base alone is ` +
        `compared over the first ${Math.min(before, after)}.`,
    );
  }
  if (base.tiedEmbeddings !== fine.tiedEmbeddings) {
    const [own, tied] = ["a head of its own", "its embedding for a head"];
    const [ofFine, ofBase] = fine.tiedEmbeddings ? [tied, own] : [own, tied];
    notes.push(`The fine-tune has ${ofFine}, its base ${ofBase}: the fine-tune's is stored.`);
  }
  return notes;
}

function ofSettings(base: Checkpoint, fine: Checkpoint): string[] {
  const changes = Object.entries(configChanges(base.config, fine.config));
  if (changes.length === 0) return [];
  const named = changes.map(([field, value]) => `${field} ${JSON.stringify(value)}`);
  return [
    `The fine-tune is configured otherwise, which the delta's file says: ${named.join(", ")}.`,
  ];
}

/** Differences of two types are exact, and of what was rounded before. */
function ofTypes(base: Checkpoint, fine: Checkpoint): string[] {
  const pairs = new Set<string>();
  for (const layer of linearLayerNames(fine.config)) {
    const [before, after] = [base, fine].map((each) => each.info(`${layer}.weight`).dtype);
    if (before !== after) pairs.add(`${after} ${before}`);
  }
  return [...pairs].map((pair) => {
    const [after, before] = pair.split(" ");
    const coarser = TYPES.find((type) => type === after || type === before);
    return `Weights are ${after}, of the base ${before}: differences are F32, and rounding to ${coarser} is part ` +
      "of them.";
  });
}
