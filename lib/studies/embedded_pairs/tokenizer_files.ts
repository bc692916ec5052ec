/**
 * The two files of a Hugging Face tokenizer, for a byte-pair encoding with byte fallback: no
 * pre-tokenizer, `<s>` before a text, "▁" for a space. Only this one form is written.
 */

/** The content of `tokenizer.json` and `tokenizer_config.json`. */
export interface TokenizerFiles {
  readonly tokenizer: object;
  readonly tokenizerConfig: object;
}

/** Unknown, begin and end of text: ids 0, 1 and 2. */
export const specialTokens: readonly string[] = ["<unk>", "<s>", "</s>"];

/** `<0x00>` … `<0xFF>`: ids 3 … 258. */
export const byteTokens: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);

/**
 * Ids follow the order special tokens, bytes, `mergedPieces`, `alphabet`. `merges` stand in the order
 * they were learnt, which is the order in which they apply.
 *
 * @param marks ids for begin and end of text, which trade places with what has them; default: 1 and 2.
 */
export function tokenizerFiles(
  mergedPieces: readonly string[],
  alphabet: readonly string[],
  merges: readonly (readonly [string, string])[],
  marks: readonly number[] = [],
): TokenizerFiles {
  const pieces = [...specialTokens, ...byteTokens, ...mergedPieces, ...alphabet];
  const ids = pieces.map((_, index) => index);
  marks.forEach((id, mark) => {
    const holder = ids.indexOf(id);
    if (holder >= 0) ids[holder] = ids[mark + 1];
    ids[mark + 1] = id;
  });
  const space = { String: " " };
  const lowLine = { String: "▁" };
  return {
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: specialTokens.map((content, index) => ({
        id: ids[index],
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: space, content: "▁" },
        ],
      },
      pre_tokenizer: null,
      post_processor: {
        type: "TemplateProcessing",
        single: [begin(0), sequence("A", 0)],
        pair: [begin(0), sequence("A", 0), begin(1), sequence("B", 1)],
        special_tokens: {
          "<s>": { id: "<s>", ids: [ids[specialTokens.indexOf("<s>")]], tokens: ["<s>"] },
        },
      },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: lowLine, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: "<unk>",
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(pieces.map((piece, index) => [piece, ids[index]])),
        merges: merges.map(([left, right]) => `${left} ${right}`),
      },
    },
    tokenizerConfig: {
      // Read as it stands: the Llama class would put its own normalizer in the place of this one.
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: "<s>",
      eos_token: "</s>",
      unk_token: "<unk>",
      clean_up_tokenization_spaces: false,
    },
  };
}

function begin(type: number): object {
  return { SpecialToken: { id: "<s>", type_id: type } };
}

function sequence(id: string, type: number): object {
  return { Sequence: { id, type_id: type } };
}
