/**
 * What goes along with a checkpoint's weights when they are saved elsewhere: its tokenizer, its chat
 * templates, its settings of generation, and its `config.json` with everything in it, known here or not.
 */

import { join } from "node:path";
import { ConfigError, OutputError, TokenizerError } from "../util/errors.ts";
import { readJsonFile } from "../util/json_file.ts";
import { checkRegularFile, isTaken } from "../util/regular_file.ts";
import { CONFIG_FILE } from "./config.ts";

/** Settings of generation. */
export const GENERATION = "generation_config.json";

/** Files that are copied as they are, by the names that transformers gives them. */
export const CARRIED_NAMES: readonly string[] = [
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  GENERATION,
  "merges.txt",
  "sentencepiece.bpe.model",
  "special_tokens_map.json",
  "spiece.model",
  "tekken.json",
  "tiktoken.model",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer.model.v3",
  "tokenizer_config.json",
  "vocab.json",
  "vocab.txt",
];

/** Further chat templates, a file each. */
export const CARRIED_TEMPLATES = "additional_chat_templates";

/** What makes other programs read other weights than those that are saved, beside weight files. */
const DISTURBING = ["adapter_config.json"];

/** Files of a tokenizer that may be another folder's. */
const LENDABLE = ["tokenizer.json", "tokenizer_config.json"];

/** What each of them should be. */
export const CARRIED_FILE = "a file to save along with the weights";

/** Where the files that go along lie. */
export interface CarriedFrom {
  /** The checkpoint whose weights are saved, or that they come near: all of its files. */
  from?: string;
  /** A folder that lends the two files of a tokenizer where the other has them not. */
  tokenizerFrom?: string;
}

/**
 * The files that go along with weights, `config.json` left out.
 *
 * @returns where each lies, by the name that it is to have.
 * @throws {TokenizerError} if one is no file, or `tokenizerFrom` is given and no tokenizer is there.
 */
export async function carriedFiles(
  { from, tokenizerFrom }: CarriedFrom,
): Promise<Map<string, string>> {
  const templates = from === undefined ? [] : await templatesIn(from);
  const files = new Map<string, string>();
  for (const name of [...CARRIED_NAMES, ...templates]) {
    const folders = [from, LENDABLE.includes(name) ? tokenizerFrom : undefined];
    for (const folder of folders) {
      if (folder === undefined || files.has(name) || !await isTaken(join(folder, name))) continue;
      files.set(name, join(folder, name));
    }
  }
  if (tokenizerFrom !== undefined && !files.has("tokenizer.json")) {
    files.set("tokenizer.json", join(tokenizerFrom, "tokenizer.json"));
  }
  for (const path of files.values()) await checkRegularFile(path, TokenizerError, CARRIED_FILE);
  return files;
}

/**
 * Checks that nothing in a folder would go with weights that are saved into it and is not theirs.
 *
 * @param names files that will be written or replaced.
 * @throws {OutputError} naming the first that stands there.
 */
export async function checkNothingElse(directory: string, names: Iterable<string>): Promise<void> {
  const own = new Set(names);
  const others = [...CARRIED_NAMES, ...await templatesIn(directory), ...DISTURBING];
  for (const name of others) {
    if (own.has(name) || !await isTaken(join(directory, name))) continue;
    throw new OutputError({
      problem: "would go with the weights that are saved beside it and is not theirs",
      file: join(directory, name),
      expected: "a new folder, or one without this file",
    });
  }
}

/** A number as it is written: `10000.0` stays a float to readers that tell them apart. */
const asWritten = (_field: string, value: unknown, { source }: { source?: string }) =>
  typeof value === "number" && source !== undefined ? rawJson(source) : value;
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * The text of a folder's `config.json` with another type of weights in it, where it names one, and
 * nothing else changed.
 *
 * @param torchType name of the type as torch has it.
 * @throws {ConfigError} if it cannot be read, or is nested deeper than can be written.
 */
export async function carriedConfig(folder: string, torchType: string): Promise<string> {
  const path = join(folder, "config.json");
  const { text } = await readJsonFile(path, ConfigError, CONFIG_FILE);
  try {
    return withType(text, torchType);
  } catch (cause) {
    // Reading with a reviver, and writing, call themselves level by level.
    if (!(cause instanceof RangeError)) throw cause;
    const { expected } = CONFIG_FILE;
    throw new ConfigError({ problem: "is nested too deep", file: path, expected, cause });
  }
}

function withType(config: string, torchType: string): string {
  const json = JSON.parse(config, asWritten as (field: string, value: unknown) => unknown);
  // transformers 5 writes the first, 4 the second.
  for (const field of ["dtype", "torch_dtype"]) {
    if (typeof json[field] === "string") json[field] = torchType;
  }
  return JSON.stringify(json, null, 2) + "\n";
}

async function templatesIn(directory: string): Promise<string[]> {
  const folder = join(directory, CARRIED_TEMPLATES);
  const isFolder = await Deno.stat(folder).then((stat) => stat.isDirectory, () => false);
  if (!isFolder) return [];
  return (await Array.fromAsync(Deno.readDir(folder)))
    .filter(({ name }) => name.endsWith(".jinja"))
    .map(({ name }) => join(CARRIED_TEMPLATES, name)).sort();
}
