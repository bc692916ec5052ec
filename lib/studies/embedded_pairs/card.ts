/** The card of an embedded checkpoint: what it was made from, and how well it predicts. */

import { join } from "node:path";
import * as v from "valibot";
import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../checkpoint/config.ts";
import { firstIssue } from "../../util/json_file.ts";
import type { TextDocument } from "../../texts/document.ts";
import {
  describeSource,
  domains,
  evaluationDocuments,
  heldOutDocuments,
} from "../../texts/domains.ts";
import { CheckpointError } from "../../util/errors.ts";
import { Evaluator } from "../../evaluation/evaluator.ts";
import { tokenText } from "../../evaluation/token_text.ts";
import { writeFileAtomic } from "../../util/files.ts";
import { readTextAs } from "../../util/read_file.ts";
import type { Engine } from "../../graph/engine.ts";
import type { Watch } from "../../util/progress.ts";
import { embeddedProtocol } from "../activation_aware_bitdelta/protocol.ts";
import type { Recipe } from "./recipes.ts";

/** Perplexities of a checkpoint by text; `held-out …` is text of what it was trained on. */
export type CardPerplexities = Readonly<Record<string, number>>;

/** A card as `card.json` holds it. */
export interface Card {
  /** The checkpoint's. */
  readonly name: string;
  /** Name of its base; `null` for a base. */
  readonly base: string | null;
  /** By text. */
  readonly perplexities: {
    /** Its own. */
    readonly own: CardPerplexities;
    /** The base's, on the same texts; `null` for a base. */
    readonly base: CardPerplexities | null;
  };
}

/**
 * Scores a checkpoint, and its base, on every domain and on the held-out text of its corpus, with the
 * windows of the embedded protocol, and writes `README.md` and, last, `card.json` into its folder.
 *
 * @throws {CheckpointError} if the folder lacks a usable `training.json`.
 */
export async function writeCard(
  recipe: Recipe,
  { engine, checkpoints, ...watch }: Watch & { engine: Engine; checkpoints: string },
): Promise<Card> {
  const folder = join(checkpoints, recipe.name);
  const own = await perplexities(recipe, folder, engine, watch);
  const base = recipe.base
    ? await perplexities(recipe, join(checkpoints, recipe.base), engine, watch)
    : null;
  const card = { name: recipe.name, base: recipe.base, perplexities: { own, base } };
  const training = await readTraining(join(folder, "training.json"));
  // In this order: a folder with a card has all that goes with it.
  await writeFileAtomic(join(folder, "README.md"), await cardText(recipe, card, training));
  await writeFileAtomic(join(folder, "card.json"), JSON.stringify(card, null, 2) + "\n");
  return card;
}

const trainingSchema = v.object({
  tokens: v.array(v.number()),
  seconds: v.number(),
  finalLoss: v.number(),
  engine: v.string(),
});

type TrainingRecord = v.InferOutput<typeof trainingSchema>;

async function readTraining(path: string): Promise<TrainingRecord> {
  const expected = "the record of a training; remove the folder to train again";
  const text = await readTextAs(path, CheckpointError, expected);
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), trainingSchema), text);
  if (result.success) return result.output;
  const { option, value } = firstIssue(result.issues);
  throw new CheckpointError({ problem: "cannot be used", file: path, option, value, expected });
}

/** The texts of a card: the four domains, and the held-out text of each of the recipe's corpora. */
export async function cardTexts(
  { corpora }: Recipe,
): Promise<ReadonlyMap<string, readonly TextDocument[]>> {
  const texts = new Map<string, readonly TextDocument[]>();
  for (const domain of domains) texts.set(domain, await evaluationDocuments(domain));
  for (const corpus of corpora) texts.set(`held-out ${corpus}`, await heldOutDocuments(corpus));
  return texts;
}

async function perplexities(
  recipe: Recipe,
  folder: string,
  engine: Engine,
  watch: Watch,
): Promise<CardPerplexities> {
  using checkpoint = await Checkpoint.open(folder);
  const tokenizer = await checkpoint.tokenizer();
  const evaluator = new Evaluator(engine, checkpoint.config, embeddedProtocol.windows);
  const scores: Record<string, number> = {};
  for (const [name, documents] of await cardTexts(recipe)) {
    const text = await tokenText(name, documents, tokenizer, watch);
    const { perplexity } = await evaluator.score(checkpoint, text, undefined, watch);
    scores[name] = Number(perplexity.toPrecision(6));
  }
  await evaluator.release();
  return scores;
}

async function cardText(
  { name, base, corpora, config, seed, settings }: Recipe,
  { perplexities: { own, base: ofBase } }: Card,
  training: TrainingRecord,
): Promise<string> {
  const sources = await Promise.all(corpora.map(async (corpus, index) => {
    const { package: source, version, licence, what } = await describeSource(corpus);
    return `- Text: ${what} Package \`${source}\` ${version}; ${training.tokens[index]} tokens. ` +
      `Licence of the text: ${licence}.`;
  }));
  const { batch, sequence, steps, learningRate } = settings;
  const { context, window } = embeddedProtocol.windows;
  const rows = Object.keys(own).map((text) => {
    const columns = ofBase ? [ofBase[text], own[text]] : [own[text]];
    return `| ${text} | ${columns.map((value) => value.toFixed(2)).join(" | ")} |`;
  });
  return [
    `# ${name}`,
    "",
    `${base ? `A full fine-tune of \`${base}\`` : "A base"}: ${architecture(config)}. Made by ` +
    "`deno task train`; for tests and small reproductions, not for use.",
    "",
    ...sources,
    `- Training: seed ${seed}, ${steps} steps of ${batch} × ${sequence} tokens, AdamW, peak rate ` +
    `${learningRate}; last loss ${training.finalLoss} nats; ${training.seconds} s on ` +
    `${training.engine}. Losses: \`training.json\`.`,
    "- Weights: bfloat16, Hugging Face layout.",
    "",
    `Perplexity, windows of ${context} tokens before ${window} scored ones:`,
    "",
    `| text | ${ofBase ? "base | " : ""}this |`,
    `|---|${ofBase ? "---:|" : ""}---:|`,
    ...rows,
    "",
  ].join("\n");
}

function architecture(config: DecoderConfig): string {
  return `${config.architecture}, ${config.layerCount} layers of ${config.hiddenSize}, ` +
    `${config.headCount} heads on ${config.keyValueHeadCount} key/value heads, vocabulary ` +
    `${config.vocabularySize}` +
    (config.slidingWindow ? `, sliding window ${config.slidingWindow}` : "");
}
