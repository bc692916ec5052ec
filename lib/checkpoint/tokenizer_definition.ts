/**
 * A `tokenizer.json`, checked before native code reads it: ids that are ids, each of one token; nothing
 * that draws lots; no part that would end the process. What the parts do to a text is the native
 * module's business, which is the reference.
 */

import * as v from "valibot";
import { TokenizerError } from "../util/errors.ts";
import { checkFatalParts, objectsIn, type Refuse } from "./fatal_parts.ts";
import { firstIssue } from "../util/json_file.ts";
import type { ConfiguredToken } from "./tokenizer_settings.ts";

/** Ids that fit the engines' 32-bit integers. */
const LARGEST_ID = 2 ** 31 - 1;

const flag = v.boolean();
const addedToken = v.looseObject({
  id: v.number(),
  content: v.pipe(v.string(), v.nonEmpty()),
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: flag,
  special: flag,
});
/** Checked entry by entry below: a schema would copy hundreds of thousands of them. */
const vocabulary = v.custom<Record<string, unknown> | readonly unknown[]>(
  (value) => typeof value === "object" && value !== null,
  "pieces with their ids",
);
const definitionSchema = v.looseObject({
  added_tokens: v.nullish(v.array(addedToken)),
  normalizer: v.nullish(v.unknown()),
  pre_tokenizer: v.nullish(v.unknown()),
  post_processor: v.nullish(v.unknown()),
  decoder: v.nullish(v.unknown()),
  model: v.looseObject({
    type: v.nullish(v.string()),
    dropout: v.nullish(v.unknown()),
    continuing_subword_prefix: v.nullish(v.string()),
    merges: v.nullish(v.array(v.union([v.string(), v.tuple([v.string(), v.string()])]))),
    vocab: vocabulary,
  }),
});

/** A definition that may be read. */
export interface TokenizerDefinition {
  /** As JSON; without truncation and padding, which cut and fill no text here. */
  readonly json: string;
  /** Each token's id. */
  readonly ids: ReadonlyMap<string, number>;
  /** Whether it cuts texts by regular expressions. */
  readonly hasPatterns: boolean;
  /** Tokens that stand beside the model's vocabulary, or mark some of it as whole. */
  readonly addedTokens: readonly string[];
  /** Those of them that no text shows. */
  readonly special: ReadonlySet<string>;
}

/**
 * Checks the parsed `tokenizer.json`.
 *
 * @param configured tokens that the tokenizer's settings name.
 * @param file name for error messages.
 * @throws {TokenizerError} naming the field, token or pattern at fault.
 */
export function checkDefinition(
  tokenizerJson: unknown,
  configured: readonly ConfiguredToken[],
  file: string,
): TokenizerDefinition {
  const refuse: Refuse = (fault) => {
    throw new TokenizerError({ file, ...fault });
  };
  const parsed = v.safeParse(definitionSchema, tokenizerJson);
  if (!parsed.success) {
    return refuse({ problem: "is not a tokenizer", ...firstIssue(parsed.issues) });
  }
  const { added_tokens: added, model, ...rest } = parsed.output;
  if (model.dropout) {
    refuse({
      problem: "drops merges by chance, so that a text has no ids of its own",
      option: "model.dropout",
      value: model.dropout,
      expected: "0 or null",
    });
  }
  const ids = new Map<string, number>();
  const tokenOf = new Map<number, string>();
  const add = (token: string, id: unknown, place: string) => {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > LARGEST_ID) {
      const expected = `a whole number from 0 to ${LARGEST_ID}`;
      return refuse({ problem: `token '${token}' has no id`, option: place, value: id, expected });
    }
    const [sameToken, sameId] = [ids.get(token) ?? id, tokenOf.get(id) ?? token];
    if (sameToken !== id || sameId !== token) {
      const problem = sameToken !== id
        ? `token '${token}' has two ids, ${sameToken} and ${id}`
        : `id ${id} stands for two tokens, '${sameId}' and '${token}'`;
      return refuse({ problem, option: place, expected: "one id a token, one token an id" });
    }
    ids.set(token, id);
    tokenOf.set(id, token);
  };
  if (Array.isArray(model.vocab)) {
    model.vocab.forEach((entry, id) => {
      const [piece, score] = Array.isArray(entry) ? entry : [];
      if (typeof piece === "string" && typeof score === "number") return add(piece, id, VOCABULARY);
      const expected = "a piece and its score";
      refuse({ problem: `entry ${id} is no piece`, option: VOCABULARY, value: entry, expected });
    });
  } else {
    for (const [token, id] of Object.entries(model.vocab)) add(token, id, VOCABULARY);
  }
  const vocabularySize = ids.size;
  for (const { content, id } of added ?? []) add(content, id, "added_tokens");
  checkFatalParts({ ...rest, model }, refuse);
  const tokens = withConfigured(added ?? [], configured, ids, vocabularySize, refuse);
  for (const { content, id } of tokens) add(content, id, "added_tokens_decoder");
  const json = JSON.stringify({
    ...(tokenizerJson as object),
    added_tokens: tokens,
    truncation: null,
    padding: null,
  });
  const hasPatterns = objectsIn([rest.normalizer, rest.pre_tokenizer])
    .some((part) => part.Regex !== undefined);
  const addedTokens = tokens.map(({ content }) => content);
  const special = new Set(tokens.flatMap((token) => token.special ? token.content : []));
  return { json, ids, hasPatterns, addedTokens, special };
}

type NumberedToken = v.InferOutput<typeof addedToken>;

/**
 * A definition's added tokens, and those that its settings name besides. One that the model's vocabulary
 * has keeps its id, any other gets the next. Of a token that both describe, the settings' description
 * counts, but not whether a special one is looked for in the normalized text.
 */
function withConfigured(
  added: readonly NumberedToken[],
  configured: readonly ConfiguredToken[],
  ids: ReadonlyMap<string, number>,
  vocabularySize: number,
  refuse: Refuse,
): NumberedToken[] {
  const tokens = new Map(added.map((token) => [token.content, token]));
  let next = added.reduce((most, { id }) => Math.max(most, id + 1), vocabularySize);
  for (const { token, id } of configured) {
    const { content } = token;
    const known = tokens.get(content);
    if (content === "" || known && id === null) continue;
    const given = known?.id ?? ids.get(content) ?? next++;
    const option = "added_tokens_decoder";
    if (id !== null && id !== given) {
      const problem = `its tokenizer_config.json gives the token '${content}' another id`;
      refuse({
        problem,
        option,
        value: id,
        expected: `${given}, which Hugging Face's library gives it`,
      });
    }
    if (known && !known.special && known.normalized !== token.normalized) {
      const problem = `its tokenizer_config.json says otherwise whether '${content}' is normalized`;
      refuse({ problem, option, value: token.normalized, expected: `${known.normalized}` });
    }
    const normalized = known?.normalized ?? token.normalized;
    tokens.set(content, { ...token, id: given, normalized });
  }
  return [...tokens.values()];
}

const VOCABULARY = "model.vocab";
