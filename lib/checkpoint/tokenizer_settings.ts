/**
 * `tokenizer_config.json` as far as it changes ids: which tokens begin and end a text, and tokens beside
 * those of `tokenizer.json`, by the rules of transformers (`PreTrainedTokenizerFast`). Older folders say
 * the latter in two more files. Not here: what the tokens do (`tokenizer_definition.ts`), chat templates.
 */

import { dirname, join } from "node:path";
import * as v from "valibot";
import { TokenizerError } from "../util/errors.ts";
import { firstIssue, readJsonFile } from "../util/json_file.ts";
import { isTaken } from "../util/regular_file.ts";

const tokenObject = v.looseObject({
  content: v.string(),
  single_word: v.nullish(v.boolean(), false),
  lstrip: v.nullish(v.boolean(), false),
  rstrip: v.nullish(v.boolean(), false),
  normalized: v.nullish(v.boolean()),
  special: v.nullish(v.boolean(), false),
});
/** A token by its text, or by an object around its text. */
const anyToken = v.union([v.string(), tokenObject]);
const namedToken = v.nullish(anyToken);
/** The names that tokens have, in the order in which transformers adds them. */
const namedTokens = {
  bos_token: namedToken,
  eos_token: namedToken,
  unk_token: namedToken,
  sep_token: namedToken,
  pad_token: namedToken,
  cls_token: namedToken,
  mask_token: namedToken,
};
const manyTokens = v.nullish(v.union([v.array(anyToken), v.record(v.string(), anyToken)]));
const settingsSchema = v.looseObject({
  ...namedTokens,
  additional_special_tokens: manyTokens,
  extra_special_tokens: manyTokens,
  added_tokens_decoder: v.nullish(v.record(v.pipe(v.string(), v.digits()), tokenObject)),
  add_bos_token: v.nullish(v.boolean()),
  add_eos_token: v.nullish(v.boolean()),
  add_prefix_space: v.nullish(v.boolean()),
});

/** The settings of a tokenizer. */
export type TokenizerSettings = v.InferOutput<typeof settingsSchema>;

/** A token as `tokenizer.json` describes those beside its vocabulary, but for the id. */
export interface AddedToken {
  /** Its text. */
  readonly content: string;
  /** Whether it is found as a word of its own alone. */
  readonly single_word: boolean;
  /** Whether it takes the spaces before it along. */
  readonly lstrip: boolean;
  /** Whether it takes the spaces after it along. */
  readonly rstrip: boolean;
  /** Whether it is looked for in the normalized text. */
  readonly normalized: boolean;
  /** Whether decoding leaves it out. */
  readonly special: boolean;
}

/** A token that a tokenizer's settings name. */
export interface ConfiguredToken {
  readonly token: AddedToken;
  /** The id that they say it has; `null`: none, so that a token of the definition stays as it is. */
  readonly id: number | null;
}

/**
 * Checks the parsed `tokenizer_config.json`.
 *
 * @param file name for error messages.
 * @throws {TokenizerError} naming the field at fault.
 */
export function checkSettings(json: unknown, file: string): TokenizerSettings {
  const parsed = v.safeParse(settingsSchema, json);
  if (parsed.success) return parsed.output;
  const problem = "its tokenizer_config.json is none";
  throw new TokenizerError({ problem, file, ...firstIssue(parsed.issues) });
}

/**
 * Reads `tokenizer_config.json`. Where it lists no added tokens, what it says of them is in
 * `special_tokens_map.json`, which goes first, and `added_tokens.json` beside it, if these are there.
 *
 * @throws {TokenizerError} if a file cannot be read as JSON.
 */
export async function readSettings(
  path: string,
  limits: { mostBytes: number; expected: string },
): Promise<unknown> {
  const read = async (file: string) => (await readJsonFile(file, TokenizerError, limits)).json;
  const settings = await read(path);
  if (!isRecord(settings) || settings.added_tokens_decoder) return settings;
  const beside = async (name: string) => {
    const file = join(dirname(path), name);
    if (!await isTaken(file)) return {};
    const json = await read(file);
    if (isRecord(json)) return json;
    const expected = "an object with a token a field";
    throw new TokenizerError({ problem: "holds no tokens", file, value: json, expected });
  };
  const named = { ...settings, ...await beside("special_tokens_map.json") };
  const added = Object.entries(await beside("added_tokens.json"));
  if (added.length === 0) return named;
  const special = new Set(
    Object.keys(namedTokens).map((name) => contentOf(named[name as keyof typeof named])),
  );
  const described = added.map(([content, id]) => [id, { content, special: special.has(content) }]);
  return { ...named, added_tokens_decoder: Object.fromEntries(described) };
}

/** The tokens that settings name, in the order in which they are added to a tokenizer that lacks them. */
export function configuredTokens(settings: TokenizerSettings): ConfiguredToken[] {
  const listed = Object.entries(settings.added_tokens_decoder ?? {})
    .map(([id, token]) => ({ id: Number(id), token: addedToken(token) }))
    .sort((one, other) => one.id - other.id);
  const named = Object.keys(namedTokens).map((name) => settings[name as keyof typeof namedTokens]);
  const many = [settings.extra_special_tokens, settings.additional_special_tokens]
    .flatMap((tokens) => Object.values(tokens ?? {}));
  const others = [...named, ...many].flatMap((token) =>
    token ? [{ id: null, token: { ...addedToken(token), special: true } }] : []
  );
  return [...listed, ...others];
}

/** The text of a token that a file names; `undefined` if it names none. */
export function contentOf(token: unknown): string | undefined {
  const content = isRecord(token) ? token.content : token;
  return typeof content === "string" ? content : undefined;
}

function addedToken(token: v.InferOutput<typeof anyToken>): AddedToken {
  const { content, single_word, lstrip, rstrip, normalized, special } = typeof token === "string"
    ? v.parse(tokenObject, { content: token, special: true })
    : token;
  return { content, single_word, lstrip, rstrip, normalized: normalized ?? !special, special };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
