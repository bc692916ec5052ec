/**
 * Text to token ids and back, by the `tokenizer.json` of a checkpoint.
 *
 * What counts is the definition, as the reference reads it. (`LlamaTokenizer` of transformers 5 builds another
 * tokenizer of its pieces, which puts no space before a text that begins with one.) A typed face over the reference implementation in Rust: 0.3 to 0.5 MB a second, in a thread of its
 * own, so that a whole document is encoded in one call and a signal is heard meanwhile. Not here: chat
 * templates, truncation and padding.
 */

import type { Encoding, Tokenizer } from "@anush008/tokenizers";
import { InputError, TokenizerError } from "../util/errors.ts";
import { readJsonFile } from "../util/json_file.ts";
import type { Watch } from "../util/progress.ts";
import { nativeTokenizers } from "./native_tokenizer.ts";
import { TokenDecoder } from "./token_decoder.ts";
import { checkDefinition, type TokenizerDefinition } from "./tokenizer_definition.ts";
import { checkMarks, checkPrefixSpace, type PrefixParts } from "./tokenizer_agreement.ts";
import { checkPresent, type TokenizerPlace, tokenizerPlace } from "./tokenizer_place.ts";
import {
  checkSettings,
  configuredTokens,
  contentOf,
  readSettings,
  type TokenizerSettings,
} from "./tokenizer_settings.ts";
import { withinTime } from "../util/within_time.ts";

/** Bytes of the longest file that is read; the largest in use are of some 40 MB. */
const LONGEST_FILE = 5e8;
const EXPECTED = "a tokenizer in Hugging Face's layout";

/**
 * White space in a row that patterns may be tried on: published ones go back over all of it in search of
 * a line's end, and after ten million steps back their engine ends the process.
 */
const LONGEST_SPACE = 5e6;

/** Ids of a text, and where in the text each token stands. */
export interface EncodedText {
  /** The tokens. */
  readonly ids: Int32Array;
  /** First UTF-8 byte of the text that each token stands for. */
  readonly starts: Int32Array;
  /** One past the last; the start again for a token without text, as `<s>` before it. */
  readonly ends: Int32Array;
}

/** Milliseconds that a text may take to encode: a minute, and a second for each 5 kB. */
const timeLimit = (text: string) => 60_000 + text.length / 5;

/**
 * A tokenizer of any kind that Hugging Face's library reads.
 *
 * @example
 * ```ts
 * import { Checkpoint, projectPath, TextTokenizer } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const tokenizer: TextTokenizer = await model.tokenizer();
 * const [first] = await tokenizer.encode("One bit a weight.");
 * assert.equal(first, tokenizer.bosToken);
 * ```
 */
export class TextTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #idLimit: number;
  readonly #hasPatterns: boolean;
  /** File it came from, for error messages. */
  readonly file: string;
  /** One more than the highest id it knows. */
  readonly vocabularySize: number;
  /** Id that starts a text, `null` if the model knows none. */
  readonly bosToken: number | null;
  /** Id that ends a text, `null` if the model knows none. */
  readonly eosToken: number | null;
  /** Makes text of tokens at once. */
  readonly decoder: TokenDecoder;

  private constructor(
    tokenizer: Tokenizer,
    { ids, hasPatterns, special }: TokenizerDefinition,
    settings: TokenizerSettings,
    file: string,
    idLimit: number,
  ) {
    this.#tokenizer = tokenizer;
    this.#idLimit = idLimit;
    this.#hasPatterns = hasPatterns;
    this.decoder = new TokenDecoder(tokenizer, special);
    this.file = file;
    this.vocabularySize = ids.values().reduce((highest, id) => Math.max(highest, id), -1) + 1;
    const idOf = (token: unknown) => {
      const id = ids.get(contentOf(token) ?? "");
      return id === undefined || id >= idLimit ? null : id;
    };
    this.bosToken = idOf(settings.bos_token);
    this.eosToken = idOf(settings.eos_token);
  }

  /**
   * Opens the tokenizer of a checkpoint folder, or of two files.
   *
   * @param modelVocabulary tokens of the model that its ids are for. The tokenizer may know more; a text
   * that has one of these is refused. Default: any id is right.
   * @throws {TokenizerError} if `tokenizer.json` or `tokenizer_config.json` is missing or malformed.
   */
  static async open(
    from: string | TokenizerPlace,
    modelVocabulary = Infinity,
  ): Promise<TextTokenizer> {
    const place = typeof from === "string" ? await tokenizerPlace(from) : from;
    await checkPresent(place);
    const file = place.definition;
    const limits = { mostBytes: LONGEST_FILE, expected: EXPECTED };
    const { json: definition } = await readJsonFile(file, TokenizerError, limits);
    const settings = await readSettings(place.settings, limits);
    return await TextTokenizer.fromJson(definition, settings, file, modelVocabulary);
  }

  /**
   * Builds a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json`.
   *
   * @param file name for error messages.
   * @throws {TokenizerError} if either is malformed, or has ids, patterns or settings that give no text
   * ids of its own.
   */
  static async fromJson(
    tokenizerJson: unknown,
    tokenizerConfig: unknown,
    file: string,
    modelVocabulary = Infinity,
  ): Promise<TextTokenizer> {
    try {
      const settings = checkSettings(tokenizerConfig, file);
      const definition = checkDefinition(tokenizerJson, configuredTokens(settings), file);
      const native = nativeTokenizers().Tokenizer.fromString(definition.json);
      checkAddedIds(native, definition, file);
      checkPrefixSpace(tokenizerJson as PrefixParts, settings, file);
      const tokenizer = new TextTokenizer(native, definition, settings, file, modelVocabulary);
      await checkMarks(native, tokenizer, settings);
      return tokenizer;
    } catch (cause) {
      throw cause instanceof InputError ? cause : malformed(file, cause);
    }
  }

  /**
   * Ids of a text with the special tokens that its post-processor adds: as a rule `<s>` before it.
   *
   * @throws {TokenizerError} if an id lies beyond the model's vocabulary, a part of the text has no token, or
   * encoding takes far too long.
   */
  async encode(text: string, watch: Watch = {}): Promise<number[]> {
    return this.#idsOf(await this.#encode(text, true, watch));
  }

  /** Ids of a text and nothing else. */
  async encodeWithoutSpecial(text: string, watch: Watch = {}): Promise<number[]> {
    return this.#idsOf(await this.#encode(text, false, watch));
  }

  /**
   * As {@linkcode TextTokenizer.encode}, with where in the text each token stands.
   *
   * Parts of one character, spelled in bytes, share its span.
   */
  async encodeWithOffsets(text: string, watch: Watch = {}): Promise<EncodedText> {
    const encoding = await this.#encode(text, true, watch);
    const ids = Int32Array.from(this.#idsOf(encoding));
    const byteAt = utf8Offsets(text);
    const spans = encoding.getOffsets();
    return {
      ids,
      starts: Int32Array.from(spans, ([start]) => byteAt[start]),
      ends: Int32Array.from(spans, ([, end]) => byteAt[end]),
    };
  }

  /** The text of ids, special tokens left out. */
  async decode(ids: readonly number[]): Promise<string> {
    return ids.length === 0 ? "" : await this.#tokenizer.decode([...ids], true);
  }

  async #encode(text: string, addSpecialTokens: boolean, { signal }: Watch): Promise<Encoding> {
    if (this.#hasPatterns) checkSpace(text, this.file);
    return await withinTime(
      async () => await this.#tokenizer.encode(text, null, { addSpecialTokens }),
      timeLimit(text),
      (cause) =>
        new TokenizerError({
          file: this.file,
          cause,
          ...cause === undefined
            ? {
              problem: "takes far too long on a text",
              value: `${text.length} characters`,
              expected: "a tokenizer whose time grows with the text",
            }
            : {
              problem: "cannot encode a text",
              value: (cause as Error).message,
              expected: "a piece, a byte or an unknown token for whatever stands there",
            },
        }),
      signal,
    );
  }

  #idsOf(encoding: Encoding): number[] {
    const ids = encoding.getIds();
    const beyond = ids.findIndex((id) => id >= this.#idLimit || id > 2 ** 31 - 1);
    if (beyond < 0) return ids;
    throw new TokenizerError({
      problem: `gives the text '${
        encoding.getTokens()[beyond]
      }' an id beyond the model's vocabulary`,
      file: this.file,
      value: ids[beyond],
      expected: `ids below ${Math.min(this.#idLimit, 2 ** 31)}, the vocab_size of the model`,
    });
  }
}

/** @throws {TokenizerError} if a text has too much white space in a row for patterns. */
function checkSpace(text: string, file: string): void {
  if (text.length <= LONGEST_SPACE) return;
  for (const [space] of text.matchAll(/\s+/g)) {
    if (space.length <= LONGEST_SPACE) continue;
    throw new TokenizerError({
      problem: "cannot encode a text of so much white space in a row",
      file,
      value: `${space.length} characters`,
      expected: `${LONGEST_SPACE} at most`,
    });
  }
}

/** The reference numbers added tokens in their order, whatever their ids say. */
function checkAddedIds(
  native: Tokenizer,
  { ids, addedTokens }: TokenizerDefinition,
  file: string,
): void {
  for (const token of addedTokens) {
    const given = native.tokenToId(token);
    if (given === ids.get(token)) continue;
    throw new TokenizerError({
      problem: `added token '${token}' does not have the next id after the vocabulary`,
      file,
      value: ids.get(token),
      expected: `${given}, which Hugging Face's library gives it`,
    });
  }
}

function malformed(file: string, cause: unknown): TokenizerError {
  return new TokenizerError({
    problem: "cannot be read",
    file,
    value: (cause as Error).message,
    expected: EXPECTED,
    cause,
  });
}

/**
 * For each Unicode character of a text, and for its end, the UTF-8 bytes before it. A lone surrogate
 * counts as the replacement character, three bytes, that encoding puts in its place.
 */
export function utf8Offsets(text: string): Int32Array {
  const offsets = new Int32Array(text.length + 1);
  let characters = 0;
  let bytes = 0;
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at)!;
    at += code > 0xffff ? 2 : 1;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code > 0xffff ? 4 : 3;
    offsets[++characters] = bytes;
  }
  return offsets.subarray(0, characters + 1);
}
