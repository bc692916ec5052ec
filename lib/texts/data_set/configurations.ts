/**
 * The configurations of a data set: what the YAML at the head of its `README.md` says under `configs`.
 *
 * Source: https://huggingface.co/docs/hub/datasets-manual-configuration
 */

import { load } from "js-yaml";
import * as v from "valibot";
import { TextError } from "../../util/errors.ts";

const text = v.string();
const paths = v.union([text, v.array(text)]);

const configurationSchema = v.looseObject({
  config_name: text,
  default: v.optional(v.boolean()),
  data_dir: v.optional(text),
  data_files: v.optional(v.union([
    paths,
    v.array(v.strictObject({ split: text, path: paths })),
    v.record(text, paths),
  ])),
});
const headSchema = v.looseObject({ configs: v.optional(v.array(configurationSchema)) });

/** Settings of a configuration that say nothing of how files are read. */
const IGNORED = ["config_name", "default", "data_dir", "data_files", "description", "version"];

/** A part of a data set that is read by itself. */
export interface Configuration {
  readonly name: string;
  /** Whether it is meant where none is named. */
  readonly isDefault: boolean;
  /** The folder that its files are in; `""` for all. */
  readonly folder: string;
  /** Patterns of files by their split; `null`: by the files' names. */
  readonly patterns: ReadonlyMap<string, readonly string[]> | null;
  /** Settings of the reader, of which none is known here. */
  readonly settings: readonly string[];
}

/**
 * Reads the head of a data set's card.
 *
 * @param file the card, for errors.
 * @returns none where the card names none.
 * @throws {TextError} if what it says of them is malformed.
 */
export function parseConfigurations(card: string, file: string): Configuration[] {
  const head = card.match(/^\ufeff?---[ \t]*\r?\n([^]*?)\r?\n---[ \t]*(\r?\n|$)/)?.[1];
  if (head === undefined || !/^configs[ \t]*:/m.test(head)) return [];
  const expected = "the configurations of a data set, as Hugging Face documents them";
  let value: unknown;
  try {
    value = load(head);
  } catch (cause) {
    const [problem] = (cause as Error).message.split("\n");
    throw new TextError({
      problem: "has a head that is no YAML",
      file,
      value: problem,
      expected,
      cause,
    });
  }
  const result = v.safeParse(headSchema, value);
  if (!result.success) {
    const [issue] = result.issues;
    const option = v.getDotPath(issue) ?? undefined;
    throw new TextError({ problem: "is malformed", file, option, value: issue.input, expected });
  }
  return (result.output.configs ?? []).map((each) => ({
    name: each.config_name,
    isDefault: each.default ?? each.config_name === "default",
    folder: (each.data_dir ?? "").replace(/^\.?\/+|\/+$/g, ""),
    patterns: patternsOf(each.data_files),
    settings: Object.keys(each).filter((key) => !IGNORED.includes(key)),
  }));
}

type DataFiles = v.InferOutput<typeof configurationSchema>["data_files"];

function patternsOf(files: DataFiles): Configuration["patterns"] {
  if (files === undefined) return null;
  if (typeof files === "string") return new Map([["train", [files]]]);
  if (!Array.isArray(files)) {
    return new Map(Object.entries(files).map(([split, path]) => [split, [path].flat()]));
  }
  const unnamed = files.filter((each): each is string => typeof each === "string");
  if (unnamed.length > 0) return new Map([["train", unnamed]]);
  return new Map(files.flatMap((each) => {
    return typeof each === "string" ? [] : [[each.split, [each.path].flat()]];
  }));
}
