/** What a delta's file, its pair's folders and an evaluation say of it, for a card. */

import { basename } from "node:path";
import * as v from "valibot";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { weightBytes } from "../../checkpoint/weights.ts";
import { OptionError } from "../../util/errors.ts";
import { firstIssue, readJsonFile } from "../../util/json_file.ts";
import type { DeltaFile } from "../delta_file.ts";
import { bitsPerWeight, linearCount } from "../delta_size.ts";
import type { CardModel, CardScore, ModelCard } from "./model_card.ts";
import { licenseOf } from "./read_card.ts";
import { repositoryIn } from "./repository.ts";
import { storedMatrices } from "./stored_matrices.ts";

/** What is at hand beside a delta's file. */
export interface CardSources {
  /** Its base, for its name. */
  readonly base?: Checkpoint;
  /** Its fine-tune, for its name, its size and its licence. */
  readonly fine?: Checkpoint;
  /** What was measured. */
  readonly scores?: readonly CardScore[];
}

/**
 * The card of a delta's file.
 *
 * @throws {CheckpointError} if the fine-tune's own card cannot be read.
 *
 * @example
 * ```ts
 * import { cardOfDelta, modelCard, openDelta, Pair, projectPath, writeDelta } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeDelta(path, await pair.extract());
 * using delta = await openDelta(path);
 * const card = await cardOfDelta(delta, { base: pair.base, fine: pair.fine });
 * assert.match(modelCard(card), /^# llama-assistant as a delta of llama-base$/m);
 * await Deno.remove(path);
 * ```
 */
export async function cardOfDelta(delta: DeltaFile, sources: CardSources): Promise<ModelCard> {
  const { base, fine, scores = [] } = sources;
  const { metadata, path, digest } = delta;
  return {
    kind: "delta",
    base: cardModel(metadata.base, metadata.baseHash, base, "its base"),
    fine: cardModel(metadata.fine, metadata.fineHash, fine, "its fine-tune"),
    method: metadata.method,
    settings: metadata.settings,
    layers: { count: linearCount(delta), bits: bitsPerWeight(delta) },
    stored: storedMatrices(delta),
    file: { name: basename(path), bytes: (await Deno.stat(path)).size, digest },
    fineBytes: fine ? weightBytes(fine) : null,
    license: fine ? await licenseOf(fine.directory) : null,
    scores,
  };
}

/** What the delta says goes before what a folder is called. */
function cardModel(
  said: string | undefined,
  hash: string | null,
  found: Checkpoint | undefined,
  otherwise: string,
): CardModel {
  const origin = said ?? found?.origin ?? null;
  const repository = origin === null ? null : repositoryIn(origin, "model");
  return { name: repository ?? found?.name ?? otherwise, origin, hash };
}

const interval = v.object({ value: v.number() });
const scored = v.object({
  text: v.object({ name: v.string() }),
  summary: v.object({ perplexity: v.number(), kl: v.nullable(v.number()), tokens: v.number() }),
  perplexity: interval,
});
const evaluation = v.object({
  delta: v.object({ digest: v.nullable(v.string()) }),
});
const several = v.object({ texts: v.array(scored) });

/**
 * What `deno task evaluate --json` measured of a delta.
 *
 * @throws {OptionError} if the file is none of these, or of another delta.
 *
 * @example
 * ```ts
 * import { openDelta, Pair, projectPath, readCardScores, writeDelta } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const folder = await Deno.makeTempDir();
 * await writeDelta(`${folder}/delta.safetensors`, await pair.extract());
 * using delta = await openDelta(`${folder}/delta.safetensors`);
 * const record = {
 *   delta: { digest: delta.digest },
 *   text: { name: "health" },
 *   summary: { perplexity: 9, kl: null, tokens: 512 },
 *   perplexity: { value: 9 },
 * };
 * await Deno.writeTextFile(`${folder}/scores.json`, JSON.stringify(record));
 * const [{ text, perplexity }] = await readCardScores(`${folder}/scores.json`, delta);
 * assert.deepEqual([text, perplexity], ["health", 9]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readCardScores(path: string, delta: DeltaFile): Promise<CardScore[]> {
  const expected = "what deno task evaluate --delta --json wrote of this delta";
  const { json } = await readJsonFile(path, OptionError, { mostBytes: 2 ** 28, expected });
  const of = v.safeParse(evaluation, json);
  if (!of.success || of.output.delta.digest !== delta.digest || delta.digest === null) {
    throw new OptionError({
      problem: "is no evaluation of this delta",
      file: path,
      value: of.success ? of.output.delta.digest : firstIssue(of.issues).value,
      expected,
    });
  }
  const found = v.safeParse(v.union([several, scored]), json);
  if (!found.success) {
    throw new OptionError({ problem: "cannot be used", file: path, expected });
  }
  const all = "texts" in found.output ? found.output.texts : [found.output];
  return all.map(({ text, summary: { perplexity, kl, tokens } }) => ({
    text: text.name,
    perplexity,
    kl,
    tokens,
  }));
}
