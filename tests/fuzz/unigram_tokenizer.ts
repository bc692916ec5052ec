/** A Unigram tokenizer with bytes to fall back on, in the layout of `tokenizer.json`. */

const bytes = Array.from(
  { length: 256 },
  (_, byte) => [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, 0] as const,
);
const pieces = ["▁", "▁the", "▁cat", "▁a", "▁line", "▁of", "▁word", "s", "e", "a", "t", "n", "i"]
  .map((piece, rank) => [piece, -1 - rank / 4] as const);
const special = ["<unk>", "<s>", "</s>"];

export const unigramTokenizer = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
  },
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "ByteFallback" },
      { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    ],
  },
  model: {
    type: "Unigram",
    unk_id: 0,
    vocab: [...special.map((piece) => [piece, 0] as const), ...bytes, ...pieces],
    byte_fallback: true,
  },
};
