/** Documents as the tokens that are scored, with the document and the bytes behind each token. */

import type { EncodedText, TextTokenizer } from "../checkpoint/tokenizer.ts";
import type { TextDocument } from "../texts/document.ts";
import { OptionError, TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";

/** What separates documents, in the study as here. */
const SEPARATOR = "\n\n";

/** A text to score. */
export interface TokenText {
  /** For errors and tables. */
  readonly name: string;
  /** Its tokens, all documents' after each other. */
  readonly tokens: Int32Array;
  /** UTF-8 bytes of text that each token stands for; all of them together are the text's. */
  readonly bytes: Int32Array;
  /** For each token, which of `documents` it belongs to. */
  readonly documentOf: Int32Array;
  /** Names of the documents. */
  readonly documents: readonly string[];
}

/**
 * Tokens of all documents as one text, each document followed by a blank line, as the study joins
 * its rows before it tokenizes them once. Bytes and documents come from where in the text a token
 * stands, never from what it decodes to: one token may stand for many spaces, `<unk>` for a word.
 *
 * @throws {TextError} if there is no text.
 * @throws {TokenizerError} if a token lies beyond the model's vocabulary.
 */
export async function tokenText(
  name: string,
  documents: readonly TextDocument[],
  tokenizer: TextTokenizer,
  watch: Watch = {},
): Promise<TokenText> {
  const parts = documents.map((document) => document.text + SEPARATOR);
  const text = parts.join("");
  if (text.trim() === "") {
    throw new TextError({ problem: "is empty", file: name, expected: "some text to score" });
  }
  const encoded = await tokenizer.encodeWithOffsets(text, watch);
  const encoder = new TextEncoder();
  const lengths = parts.map((part) => encoder.encode(part).length);
  return {
    name,
    tokens: encoded.ids,
    ...attributed(encoded, lengths),
    documents: documents.map((document) => document.name),
  };
}

/**
 * The opening of a text: its first tokens, and the documents that they are of.
 *
 * @param most how many tokens at most.
 * @throws {OptionError} if `most` is no whole number above 0.
 *
 * @example
 * ```ts
 * import { evaluationDocuments, firstTokens, Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const documents = await evaluationDocuments("health");
 * const text = await pair.text("health", documents.slice(0, 4));
 * assert.equal(firstTokens(text, 100).tokens.length, 100);
 * ```
 */
export function firstTokens(text: TokenText, most: number): TokenText {
  if (!Number.isInteger(most) || most < 1) {
    throw new OptionError({
      problem: "is no number of tokens",
      option: "most",
      value: most,
      expected: "a whole number above 0",
    });
  }
  const documentOf = text.documentOf.slice(0, most);
  return {
    ...text,
    tokens: text.tokens.slice(0, most),
    bytes: text.bytes.slice(0, most),
    documentOf,
    documents: text.documents.slice(0, documentOf[documentOf.length - 1] + 1),
  };
}

/**
 * The bytes and the document of each token.
 *
 * A token takes the bytes from where the tokens before it end to its own end: what a normalizer drops
 * between two tokens counts to the second, what it drops at the end to the last. Tokens of one span
 * spell one character in bytes and share it evenly. A token is of the document that its first byte lies
 * in; one without text (`</s>`) of that of the next byte.
 *
 * @param lengths of the documents with their separators, in bytes.
 */
function attributed(
  { starts, ends }: EncodedText,
  lengths: readonly number[],
): Pick<TokenText, "bytes" | "documentOf"> {
  const bytes = new Int32Array(starts.length);
  const documentOf = new Int32Array(starts.length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  let document = 0;
  let documentEnd = lengths[0];
  let covered = 0;
  for (let first = 0, after = 0; first < starts.length; first = after) {
    const [start, end] = [starts[first], ends[first]];
    while (after < starts.length && starts[after] === start && ends[after] === end) after++;
    const count = after - first;
    const isLast = after === starts.length;
    const at = start === end ? covered : start;
    while (document < lengths.length - 1 && at >= documentEnd) documentEnd += lengths[++document];
    const fresh = (isLast ? total : Math.max(covered, start === end ? covered : end)) - covered;
    for (let index = 0; index < count; index++) {
      bytes[first + index] = share(fresh, index + 1, count) - share(fresh, index, count);
      documentOf[first + index] = document;
    }
    covered += fresh;
  }
  return { bytes, documentOf };
}

/** Of `whole`, what the first `parts` of `count` get. */
const share = (whole: number, parts: number, count: number) => Math.floor(whole * parts / count);
