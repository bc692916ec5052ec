/** A tokenizer of three letters, to be changed in one part and read or refused. */

import assert from "node:assert/strict";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { TokenizerError } from "../../lib/util/errors.ts";

export interface Definition {
  [part: string]: unknown;
  added_tokens: { id: number; content: string; [flag: string]: unknown }[];
  model: { [field: string]: unknown; vocab: Record<string, unknown> };
}

/** A special token that stands beside the vocabulary. */
export const added = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** Three letters, and `<s>` before a text. */
export const definition = (): Definition => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [added("<s>", 0)],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 0 } }],
    special_tokens: { "<s>": { id: "<s>", ids: [0], tokens: ["<s>"] } },
  },
  decoder: null,
  model: { type: "BPE", vocab: { "<s>": 0, a: 1, b: 2, c: 3 }, merges: [] },
});

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
