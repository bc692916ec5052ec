/**
 * Text of tokens at once, for what needs it token by token. Its answers are the tokenizer's `decode`, without the
 * thread. Not here: what of a growing text is certain (`incremental_text.ts`).
 */

import type { Decoder, Tokenizer } from "@anush008/tokenizers";

/** A token that is one byte of a character, as SentencePiece writes what it has no piece for. */
const BYTE = /^<0x[0-9A-Fa-f]{2}>$/;

/**
 * Makes text of ids.
 *
 * @example
 * ```ts
 * import { Checkpoint, projectPath, type TokenDecoder } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const tokenizer = await model.tokenizer();
 * const decoder: TokenDecoder = tokenizer.decoder;
 * assert.equal(decoder.decode(await tokenizer.encode("One bit a weight.")), "One bit a weight.");
 * ```
 */
export class TokenDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #special: ReadonlySet<string>;
  readonly #decoder: Decoder | null;

  /**
   * Of a tokenizer, as its {@linkcode TextTokenizer} has one.
   *
   * @param special tokens that no text shows.
   */
  constructor(tokenizer: Tokenizer, special: ReadonlySet<string>) {
    this.#tokenizer = tokenizer;
    this.#special = special;
    this.#decoder = tokenizer.getDecoder();
  }

  /** Whether no text shows a token: it is special, or there is none of the id. */
  isSpecial(id: number): boolean {
    const piece = this.#tokenizer.idToToken(id);
    return piece === null || this.#special.has(piece);
  }

  /** The text of ids, special tokens left out. */
  decode(ids: readonly number[]): string {
    const pieces: string[] = [];
    for (const id of ids) {
      const piece = this.#tokenizer.idToToken(id);
      if (piece !== null && !this.#special.has(piece)) pieces.push(piece);
    }
    return this.#decoder === null ? pieces.join(" ") : this.#decoder.decode(pieces);
  }

  /** Whether a token is one byte of a character: its text depends on the bytes beside it. */
  isByte(id: number): boolean {
    return BYTE.test(this.#tokenizer.idToToken(id) ?? "");
  }
}
