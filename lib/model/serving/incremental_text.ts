/**
 * Text of tokens as they come: never half a character, and all of it together is what the tokenizer makes of all
 * tokens at once. Only a few tokens are looked at each time. Not here: stop strings (`stop.ts`).
 */

import type { TokenDecoder } from "../../checkpoint/token_decoder.ts";

/** What stands where bytes are no character, or not yet. */
const REPLACEMENT = "\ufffd";

/** Tokens, of a byte each, that the beginning of a character may take, and more. */
const LONGEST_BEGINNING = 8;

/** Tokens before an answer that say how its text begins, such as whether a space stands before its first word. */
const CONTEXT = 8;

/**
 * The text of an answer in the making.
 *
 * @example
 * ```ts
 * import { Checkpoint, IncrementalText, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const tokenizer = await model.tokenizer();
 * const text = new IncrementalText(tokenizer.decoder);
 * const parts = (await tokenizer.encode("Half a € is none.")).map((token) => text.push(token));
 * assert.equal(parts.join("") + text.end(), "Half a € is none.");
 * ```
 */
export class IncrementalText {
  readonly #decoder: TokenDecoder;
  /** The last tokens: those whose text is not certain, and one or a few before them that it depends on. */
  #window: number[] = [];
  /** Characters of the window's text that were given. */
  #given = 0;

  /**
   * Of a tokenizer's tokens.
   *
   * @param before what the text goes on from, none of which is part of it; default: nothing.
   */
  constructor(decoder: TokenDecoder, before: Int32Array = new Int32Array(0)) {
    this.#decoder = decoder;
    let first = Math.max(0, before.length - CONTEXT);
    // Bytes are characters with all that stand beside them.
    while (first > 0 && decoder.isByte(before[first])) first--;
    this.#window = [...before.subarray(first)].filter((token) => !decoder.isSpecial(token));
    const text = decoder.decode(this.#window);
    this.#given = text.length;
    // What is half a character yet becomes whole with the next tokens.
    while (text.endsWith(REPLACEMENT, this.#given)) this.#given -= REPLACEMENT.length;
  }

  /** Text that is certain with the next token: of it, of tokens before it, or none. */
  push(token: number): string {
    if (this.#decoder.isSpecial(token)) return "";
    this.#window.push(token);
    // Bytes are certain when they end: one that is of no character makes all beside it so.
    if (this.#decoder.isByte(token)) return "";
    const text = this.#decoder.decode(this.#window);
    const held = text.endsWith(REPLACEMENT) ? REPLACEMENT.length : 0;
    const certain = text.slice(this.#given, text.length - held);
    this.#given += certain.length;
    this.#forget(text, held);
    return certain;
  }

  /** What was held back, when no more tokens come. */
  end(): string {
    const text = this.#decoder.decode(this.#window).slice(this.#given);
    this.#given += text.length;
    return text;
  }

  /** Leaves as few tokens in the window as say what all do. */
  #forget(text: string, held: number): void {
    const [least, most] = held === 0
      ? [1, this.#window.length - 1]
      : [LONGEST_BEGINNING, Math.min(2 * LONGEST_BEGINNING, this.#window.length - 1)];
    for (let length = least; length <= most; length++) {
      const kept = this.#decoder.decode(this.#window.slice(-length));
      if (kept === "" || !text.endsWith(kept)) continue;
      // A cut within the beginning of a character would make two of it.
      if (held > 0 && this.#decoder.decode(this.#window.slice(0, -length)) + kept !== text) {
        continue;
      }
      this.#window = this.#window.slice(-length);
      this.#given = kept.length - held;
      return;
    }
  }
}
