/**
 * WordNet synsets as questions and answers in plain English. One fixed template a kind of word, so
 * that the same synset always gives the same text; no facts are added to the gloss but the synonyms
 * and the hypernym that WordNet itself records.
 */

import type { Dictionary, Synset } from "./wordnet.ts";

/** Lexicographer files whose nouns are things one can count: animals, artifacts, persons, plants, … */
const countableFields = new Set([5, 6, 8, 14, 15, 17, 18, 20, 25]);
const personField = 18;
const taxon = /^(genus|family|order|class|phylum|suborder|superfamily|subfamily|tribe|division) /;

/** `Question: …\nAnswer: …` for one synset; its pointers are looked up in `dictionary`. */
export function questionAndAnswer(synset: Synset, dictionary: Dictionary): string {
  return `Question: ${question(synset)}\nAnswer: ${answer(synset, dictionary)}`;
}

function question({ partOfSpeech, words: [word], field, isInstance }: Synset): string {
  if (partOfSpeech === "verb") return `What does it mean to ${word}?`;
  if (partOfSpeech !== "noun") return `What does "${word}" mean?`;
  if (isInstance) return `${field === personField ? "Who was" : "What is"} ${word}?`;
  const countable = countableFields.has(field) && !/[^siu]s$/.test(word) && !taxon.test(word) &&
    (field === personField || /^[^A-Z]/.test(word));
  return `What is ${countable ? `${indefiniteArticle(word)} ` : ""}${word}?`;
}

function answer(synset: Synset, dictionary: Dictionary): string {
  const sentences = [capitalised(definition(synset, dictionary))];
  if (synset.words.length > 1) {
    const names = synset.partOfSpeech === "noun" ? "Also called" : "Also";
    sentences.push(`${names} ${enumeration(synset.words.slice(1))}`);
  }
  const hypernym = dictionary.get(synset.hypernyms[0]);
  if (synset.partOfSpeech === "noun" && hypernym && !synset.isInstance) {
    sentences.push(`A kind of ${hypernym.words[0]}`);
  }
  if (synset.examples.length > 0) sentences.push(`For example: "${synset.examples[0]}"`);
  return sentences.map((sentence) => /[.?!]"?$/.test(sentence) ? sentence : `${sentence}.`)
    .join(" ");
}

/** A gloss that names its subject, `(medicine) a …`, says `in medicine, a …`. */
function definition(synset: Synset, dictionary: Dictionary): string {
  const isVerb = synset.partOfSpeech === "verb" && !synset.definition.startsWith("to ");
  const infinitive = isVerb ? "to " : "";
  const [, subject, rest] = synset.definition.match(/^\(([^)]+)\) (.+)$/) ?? [];
  const named = synset.topics.some((id) => dictionary.get(id)?.words.includes(subject));
  if (named) return `in ${subject}, ${infinitive}${rest}`;
  return subject === undefined ? infinitive + synset.definition : synset.definition;
}

function indefiniteArticle(word: string): string {
  const vowelSound =
    /^([aeio]|u(?!ni[^mn]|r[aeio]|s[eu]|k|te)|hour|heir|hono|[FHLMNRSX][-\d ])/i.test(word) &&
    !/^(eu|ew|one\b|once)/i.test(word);
  return vowelSound ? "an" : "a";
}

function enumeration(words: readonly string[]): string {
  return words.length < 2
    ? words.join()
    : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
