/** A small tokenizer, learnt on the spot, for tests that need one but not a good one. */

import { TextTokenizer } from "../../../lib/checkpoint/tokenizer.ts";
import { trainBytePairEncoding } from "../../../lib/studies/embedded_pairs/bpe.ts";

/** A few sentences, over and over. */
export const RHYME = "the cat sat on the mat, the rat sat on the cat.\n".repeat(12);

/** A tokenizer of 284 tokens learnt from {@linkcode RHYME}: `<s>` before a text, bytes for the rest. */
export async function smallTokenizer(): Promise<TextTokenizer> {
  const { tokenizer, tokenizerConfig } = await trainBytePairEncoding([RHYME], {
    vocabularySize: 284,
  });
  return await TextTokenizer.fromJson(tokenizer, tokenizerConfig, "tokenizer.json");
}
