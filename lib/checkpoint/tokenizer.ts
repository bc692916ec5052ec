/**
 * Text to token ids and back, by the `tokenizer.json` of a checkpoint.
 *
 * A typed face over `@huggingface/tokenizers`, whose time grows about in proportion to the text (0.2 to
 * 0.3 MB a second, from 10 kB to 900 kB), so that a whole document is encoded in one call. Not here: chat templates,
 * truncation and padding.
 */

import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import type { DecoderConfig } from "./config.ts";

/** A token as `tokenizer_config.json` names it: its text, or an object around its text. */
const namedToken = v.nullish(v.union([v.string(), v.looseObject({ content: v.string() })]));
const settingsSchema = v.looseObject({ bos_token: namedToken, eos_token: namedToken });
const definitionSchema = v.looseObject({
  model: v.looseObject({ type: v.nullish(v.string()) }),
  decoder: v.nullish(v.unknown()),
});

/** A tokenizer of byte-pair or unigram pieces, with byte fallback (`<0x0A>`) or byte-level (GPT-2) pieces. */
export class TextTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #isByteLevel: boolean;
  readonly #specialTokens: ReadonlySet<number>;
  /** File it came from, for error messages. */
  readonly file: string;
  /** One more than the highest id it knows. */
  readonly vocabularySize: number;
  /** Id that starts a text, `null` if it has none. */
  readonly bosToken: number | null;
  /** Id that ends a text, `null` if it has none. */
  readonly eosToken: number | null;

  private constructor(
    tokenizer: Tokenizer,
    isByteLevel: boolean,
    settings: Settings,
    file: string,
  ) {
    this.#tokenizer = tokenizer;
    this.#isByteLevel = isByteLevel;
    const added = [...tokenizer.get_added_tokens_decoder()];
    this.#specialTokens = new Set(added.filter(([, { special }]) => special).map(([id]) => id));
    this.file = file;
    const ids = tokenizer.get_vocab(true).values();
    this.vocabularySize = ids.reduce((highest, id) => Math.max(highest, id), -1) + 1;
    this.bosToken = this.#idOf(settings.bos_token);
    this.eosToken = this.#idOf(settings.eos_token);
  }

  /**
   * Opens the tokenizer of a checkpoint folder.
   *
   * @throws {TokenizerError} if `tokenizer.json` or `tokenizer_config.json` is missing or malformed.
   */
  static async open(directory: string): Promise<TextTokenizer> {
    const file = join(directory, "tokenizer.json");
    const definition = await readJson(file);
    const settings = await readJson(join(directory, "tokenizer_config.json"));
    return TextTokenizer.fromJson(definition, settings, file);
  }

  /**
   * Builds a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json`.
   *
   * @param file name for error messages.
   * @throws {TokenizerError} if either is malformed.
   */
  static fromJson(tokenizerJson: unknown, tokenizerConfig: unknown, file: string): TextTokenizer {
    try {
      const definition = v.parse(definitionSchema, tokenizerJson);
      const settings = v.parse(settingsSchema, tokenizerConfig);
      const isByteLevel = JSON.stringify(definition.decoder ?? null).includes('"ByteLevel"');
      return new TextTokenizer(new Tokenizer(definition, settings), isByteLevel, settings, file);
    } catch (cause) {
      throw malformed(file, cause);
    }
  }

  /** Ids of a text with the special tokens that its post-processor adds: as a rule `<s>` before it. */
  encode(text: string): number[] {
    return this.#tokenizer.encode(text).ids;
  }

  /** Ids of a text and nothing else. */
  encodeWithoutSpecial(text: string): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** The text of ids, special tokens left out, spaces before punctuation kept. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return "";
    return this.#tokenizer.decode([...ids], {
      skip_special_tokens: true,
      clean_up_tokenization_spaces: false,
    });
  }

  /** UTF-8 bytes of text that a token stands for: 0 for special tokens, 1 for `<0x0A>`. */
  byteLength(id: number): number {
    const piece = this.#tokenizer.id_to_token(id);
    if (piece === undefined || this.#specialTokens.has(id)) return 0;
    if (this.#isByteLevel) return [...piece].length;
    if (/^<0x[0-9A-F]{2}>$/.test(piece)) return 1;
    return new TextEncoder().encode(piece.replaceAll("▁", " ")).length;
  }

  #idOf(token: v.InferOutput<typeof namedToken>): number | null {
    if (token === null || token === undefined) return null;
    const content = typeof token === "string" ? token : token.content;
    return this.#tokenizer.token_to_id(content) ?? null;
  }
}

/**
 * Checks that no id of a tokenizer lies beyond a model's vocabulary. A model may have more rows than
 * its tokenizer has tokens: vocabularies are often padded.
 *
 * @throws {TokenizerError} naming both sizes.
 */
export function checkTokenizer(tokenizer: TextTokenizer, config: DecoderConfig): void {
  if (tokenizer.vocabularySize <= config.vocabularySize) return;
  throw new TokenizerError({
    problem: "emits ids beyond the model's vocabulary",
    file: tokenizer.file,
    value: tokenizer.vocabularySize - 1,
    expected: `ids below ${config.vocabularySize}, the vocab_size of the model`,
  });
}

type Settings = v.InferOutput<typeof settingsSchema>;

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    throw malformed(path, cause);
  }
}

function malformed(file: string, cause: unknown): TokenizerError {
  return new TokenizerError({
    problem: "cannot be read",
    file,
    value: (cause as Error).message,
    expected: "a tokenizer in Hugging Face's layout",
    cause,
  });
}
