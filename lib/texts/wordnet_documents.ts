/**
 * WordNet cut into documents of a few thousand characters, each about one topic: nouns by the tree
 * of broader meanings, health apart from the rest; other words by lexicographer file. A document's
 * name tells its topic: `health/infection.n.04/1`, `noun/dog.n.01/2`, `verb/38/5`.
 */

import { groupByLength, type TextDocument } from "./document.ts";
import type { Dictionary, Synset } from "./wordnet.ts";
import { questionAndAnswer } from "./wordnet_answers.ts";

/** Length that a document reaches before the next begins, in characters. */
const documentLength = 4000;

/** Meanings that a topic of its own needs. */
const topicSize = 25;

/** Glosses that say their word insults somebody. */
const insult = /\b(slur|offensive|obscene|disparag|derogat|vulgar|pejorative|contemptuous)/i;

/** What makes a noun a health topic. */
export interface HealthTopics {
  /** Senses whose narrower meanings all belong: `disease.n.01`. */
  readonly roots: readonly string[];
  /** Senses of subjects whose own terms belong, with all below these: `pathology.n.01`. */
  readonly subjects: readonly string[];
}

/** All documents, in a fixed order; glosses that call their word an insult are left out. */
export function wordNetDocuments(dictionary: Dictionary, health: HealthTopics): TextDocument[] {
  const healthIds = healthNouns(dictionary, health);
  const topicOf = nounTopics(dictionary, healthIds);
  const texts = Map.groupBy(
    [...dictionary.values()].filter(({ definition }) => !insult.test(definition)),
    ({ id, partOfSpeech, field }) =>
      partOfSpeech === "noun"
        ? `${healthIds.has(id) ? "health" : "noun"}/${topicOf.get(id) ?? "other"}`
        : `${partOfSpeech}/${field}`,
  );
  return [...texts].flatMap(([topic, synsets]) => {
    const entries = synsets.map((synset) => questionAndAnswer(synset, dictionary));
    return groupByLength(entries, documentLength, "\n\n")
      .map((text, part) => ({ name: `${topic}/${part + 1}`, text }));
  });
}

/** Ids of the roots, of the nouns that are terms of the subjects, and of all nouns below either. */
function healthNouns(dictionary: Dictionary, { roots, subjects }: HealthTopics): Set<string> {
  const narrower = Map.groupBy(nouns(dictionary), ({ hypernyms }) => hypernyms[0]);
  const found = new Set<string>();
  const pending = nouns(dictionary).filter(({ sense, topics }) =>
    roots.includes(sense) ||
    topics.some((id) => subjects.includes(dictionary.get(id)?.sense ?? ""))
  );
  for (let synset = pending.pop(); synset; synset = pending.pop()) {
    found.add(synset.id);
    pending.push(...(narrower.get(synset.id) ?? []).filter(({ id }) => !found.has(id)));
  }
  return found;
}

/**
 * Noun id → sense that names its topic: the closest broader meaning with at least `topicSize`
 * meanings below it that are not yet of a narrower topic. Nouns under none have no entry.
 */
function nounTopics(dictionary: Dictionary, healthIds: ReadonlySet<string>): Map<string, string> {
  const narrower = Map.groupBy(
    nouns(dictionary),
    ({ id, hypernyms: [broader] }) =>
      healthIds.has(id) === healthIds.has(broader) ? broader : undefined,
  );
  const topicOf = new Map<string, string>();
  const assign = (synset: Synset): string[] => {
    const open = [synset.id, ...(narrower.get(synset.id) ?? []).flatMap(assign)];
    if (open.length < topicSize) return open;
    for (const id of open) topicOf.set(id, synset.sense);
    return [];
  };
  narrower.get(undefined)?.forEach(assign);
  return topicOf;
}

function nouns(dictionary: Dictionary): Synset[] {
  return [...dictionary.values()].filter(({ partOfSpeech }) => partOfSpeech === "noun");
}
