/**
 * Which files are which split, where a data set does not say: by names, as Hugging Face's `datasets` has it.
 *
 * Source: https://huggingface.co/docs/hub/datasets-file-names-and-splits
 */

import { globPattern } from "./glob.ts";

/** Files by the name of their split, in the order in which they are read. */
export type Splits = ReadonlyMap<string, readonly string[]>;

/** Files that rows are read from. */
const READABLE = /\.(csv|tsv|jsonl?|ndjson|jsonlines|parquet|txt)(\.gz)?$/i;

/** Files of a repository that describe it. */
const NOT_DATA = new Set([
  ...["README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json"],
]);

const SHARDED = /^data\/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*\.[^/]*$/;

const KEYWORDS: readonly (readonly [split: string, ...keywords: string[]])[] = [
  ["train", "train", "training"],
  ["validation", "validation", "valid", "dev", "val"],
  ["test", "test", "testing", "eval", "evaluation"],
];

/** What may stand beside a keyword in a name. */
const APART = "[-._ 0-9]";

/** By folders first, then by the names of files. */
const PATTERNS: readonly ((keyword: string) => readonly string[])[] = [
  (keyword) => [
    ...[`**/${keyword}/**`, `**/${keyword}${APART}*/**`],
    ...[`**/*${APART}${keyword}/**`, `**/*${APART}${keyword}${APART}*/**`],
  ],
  (keyword) => [`**/${keyword}${APART}*`, `**/*${APART}${keyword}${APART}*`],
];

/**
 * Whether a file may hold rows: by its ending, and neither it nor a folder of it is hidden (`.x`) or set
 * apart (`__x`).
 */
export function isDataFile(path: string): boolean {
  const parts = path.split("/");
  const name = parts.at(-1)!;
  return READABLE.test(name) && !NOT_DATA.has(name) &&
    !parts.some((part) => part.startsWith(".")) &&
    !parts.slice(0, -1).some((part) => part.startsWith("__"));
}

/** How rows stand in a file, by its ending. */
export function formOf(path: string): string {
  const ending = path.match(READABLE)?.[1].toLowerCase() ?? "";
  return /^(jsonl?|ndjson|jsonlines)$/.test(ending) ? "json" : ending;
}

/**
 * The splits of a folder's files: `data/train-00000-of-00001.parquet` under any name; else by a folder or
 * a file that is named by a split; else all of it is `train`.
 *
 * @param paths relative to the folder.
 */
export function splitsByName(paths: readonly string[]): Splits {
  const files = paths.filter(isDataFile).toSorted(byCode);
  const sharded = Map.groupBy(
    files.filter((path) => SHARDED.test(path)),
    (path) => path.match(SHARDED)![1],
  );
  if (sharded.size > 0) return sharded;
  for (const patternsOf of PATTERNS) {
    const found = KEYWORDS.flatMap(([split, ...keywords]): [string, string[]][] => {
      const matched = matching(files, keywords.flatMap(patternsOf));
      return matched.length > 0 ? [[split, matched]] : [];
    });
    if (found.length > 0) return new Map(found);
  }
  return new Map(files.length > 0 ? [["train", files]] : []);
}

/** The files that one of the patterns matches, by the patterns' order, each once. */
export function matching(paths: readonly string[], patterns: readonly string[]): string[] {
  const sorted = paths.toSorted(byCode);
  const found = patterns.flatMap((pattern) => {
    const matches = globPattern(pattern);
    return matches === null ? [] : sorted.filter((path) => matches.test(path));
  });
  return [...new Set(found)];
}

/** As Python sorts: by characters, not by a language. */
function byCode(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
