/** Small tokenizers in the layout of `tokenizer.json`, and one of three letters to be changed in one part and read or refused. */

import assert from "node:assert/strict";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { TokenizerError } from "../../lib/util/errors.ts";

export interface Definition {
  [part: string]: unknown;
  added_tokens: { id: number; content: string; [flag: string]: unknown }[];
  model: { [field: string]: unknown; vocab: Record<string, unknown> };
}

/** A special token, beside the vocabulary or in it. */
export const added = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** Names of the tokens that stand for one byte each. */
export const BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => byteToken(byte));

/** The token that stands for a byte. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** Puts `<s>` of this id before a text. */
const startOfText = (id: number) => ({
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 0 } }],
  special_tokens: { "<s>": { id: "<s>", ids: [id], tokens: ["<s>"] } },
});

const vocabulary = (pieces: readonly string[]) =>
  Object.fromEntries(pieces.map((piece, id) => [piece, id]));

/** Three letters, and `<s>` before a text. */
export const definition = (): Definition => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [added("<s>", 0)],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: startOfText(0),
  decoder: null,
  model: { type: "BPE", vocab: vocabulary(["<s>", "a", "b", "c"]), merges: [] },
});

const SPECIAL = ["<unk>", "<s>", "</s>"];

/** Of the ids of a Llama-like tokenizer, the first that is a piece: special tokens and bytes are before it. */
export const FIRST_PIECE = SPECIAL.length + BYTES.length;

/** Pieces as in Llama's tokenizer: `▁` for a space, a token for each byte. Ids: special, bytes, pieces. */
export const byteFallbackDefinition = (): Definition => ({
  ...definition(),
  added_tokens: SPECIAL.map(added),
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  post_processor: startOfText(1),
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    byte_fallback: true,
    vocab: vocabulary([...SPECIAL, ...BYTES, "▁", "a", "b", "c", "▁a", "bc", "▁abc", "é"]),
    merges: ["▁ a", "b c", "▁a bc"],
  },
});

/** Pieces as in GPT-2's tokenizer: each character of a piece is a byte, `Ġ` is a space. */
export const byteLevelDefinition = (): Definition => ({
  ...definition(),
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true },
  model: {
    type: "BPE",
    vocab: vocabulary(["<s>", "a", "Ġ", "Ã", "©", "Ġa"]),
    merges: ["Ġ a"],
  },
});

/** A Unigram tokenizer with bytes to fall back on. */
export const unigramDefinition = () => {
  const spaces = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  const pieces = ["▁", "▁the", "▁cat", "▁a", "▁line", "▁of", "▁word", "s", "e", "a", "t", "n", "i"];
  return {
    ...definition(),
    added_tokens: SPECIAL.map(added),
    pre_tokenizer: spaces,
    post_processor: startOfText(1),
    decoder: { type: "Sequence", decoders: [{ type: "ByteFallback" }, spaces] },
    model: {
      type: "Unigram",
      unk_id: 0,
      vocab: [
        ...[...SPECIAL, ...BYTES].map((piece) => [piece, 0] as const),
        ...pieces.map((piece, rank) => [piece, -1 - rank / 4] as const),
      ],
      byte_fallback: true,
    },
  };
};

/** Its `tokenizer_config.json`. */
export const settings = { bos_token: "<s>" };

/** The tokenizer of a definition. */
export const open = (json: unknown, config: unknown = settings) =>
  TextTokenizer.fromJson(json, config, "folder/tokenizer.json");

/** Asserts that a definition is refused on one line that names its file. */
export async function assertRefused(
  json: unknown,
  expected: RegExp,
  config?: unknown,
): Promise<void> {
  await assert.rejects(open(json, config), (error) => {
    assert.ok(error instanceof TokenizerError, String(error));
    assert.match(error.message, expected);
    assert.match(error.message, /^file 'folder\/tokenizer\.json'.*; expected [^\n]*$/);
    return true;
  });
}
