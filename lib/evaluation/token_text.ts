/** Documents as the tokens that are scored, with the document and the bytes behind each token. */

import type { TextTokenizer } from "../checkpoint/tokenizer.ts";
import type { TextDocument } from "../domains/document.ts";
import { TextError } from "../errors.ts";

/** What separates documents, in the study as here. */
const SEPARATOR = "\n\n";

/** A text to score. */
export interface TokenText {
  /** For errors. */
  readonly name: string;
  /** Ids of all tokens. */
  readonly tokens: Int32Array;
  /** UTF-8 bytes of text that each token stands for. */
  readonly bytes: Int32Array;
  /** For each token, which of `documents` it belongs to. */
  readonly documentOf: Int32Array;
  /** Names of the documents. */
  readonly documents: readonly string[];
}

/**
 * Tokens of all documents as one text, each document followed by a blank line, as the study joins
 * its rows before it tokenizes them once.
 *
 * @throws {TextError} if there is no text.
 */
export function tokenText(
  name: string,
  documents: readonly TextDocument[],
  tokenizer: TextTokenizer,
): TokenText {
  const text = documents.map((document) => document.text + SEPARATOR).join("");
  if (text.trim() === "") {
    throw new TextError({ problem: "is empty", file: name, expected: "some text to score" });
  }
  const tokens = Int32Array.from(tokenizer.encode(text));
  const bytes = tokens.map((token) => tokenizer.byteLength(token));
  return {
    name,
    tokens,
    bytes,
    documentOf: documentOfEachToken(bytes, documents),
    documents: documents.map((document) => document.name),
  };
}

/** Walks tokens and documents together: a token belongs to the document its first byte lies in. */
function documentOfEachToken(
  bytes: Int32Array,
  documents: readonly TextDocument[],
): Int32Array {
  const encoder = new TextEncoder();
  const ends: number[] = [];
  // Tokenizers of this family put one space before the text, which no document holds.
  let end = bytes.reduce((sum, count) => sum + count, 0) -
    documents.reduce((sum, { text }) => sum + encoder.encode(text + SEPARATOR).length, 0);
  for (const { text } of documents) ends.push(end += encoder.encode(text + SEPARATOR).length);
  let offset = 0;
  let document = 0;
  return bytes.map((count) => {
    while (document < ends.length - 1 && offset >= ends[document]) document++;
    offset += count;
    return document;
  });
}
