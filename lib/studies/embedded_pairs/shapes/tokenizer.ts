/**
 * A tokenizer for a made pair: the embedded Llama's, cut to the pair's vocabulary where that is smaller,
 * its begin and end of text at the ids that the configuration gives them.
 */

import type { DecoderConfig } from "../../../checkpoint/config.ts";
import { ConfigError } from "../../../util/errors.ts";
import { projectPath } from "../../../util/project.ts";
import {
  byteTokens,
  specialTokens,
  type TokenizerFiles,
  tokenizerFiles,
} from "../tokenizer_files.ts";

/** Tokens that no text can do without. */
const LEAST = specialTokens.length + byteTokens.length;

/** What is read of a `tokenizer.json` that was written here. */
interface BytePairModel {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly string[];
}

/**
 * The files of a tokenizer all of whose ids the vocabulary has.
 *
 * @throws {ConfigError} if the vocabulary has no room for 3 special tokens and 256 bytes.
 */
export async function tokenizerFor(config: DecoderConfig): Promise<TokenizerFiles> {
  const { vocabularySize, bosToken, eosToken } = config;
  if (vocabularySize < LEAST) {
    throw new ConfigError({
      problem: "has no room for a tokenizer",
      option: "vocab_size",
      value: vocabularySize,
      expected: `at least ${LEAST}: ${specialTokens.length} special tokens and 256 bytes`,
    });
  }
  const path = projectPath("data/checkpoints/llama-base/tokenizer.json");
  const { vocab, merges } = JSON.parse(await Deno.readTextFile(path)).model as BytePairModel;
  const pairs = merges.map((merge) => merge.split(" ") as [string, string]);
  const learnt = new Set(pairs.map((pair) => pair.join("")));
  const pieces = Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b]).slice(LEAST);
  const alphabet = pieces.filter((piece) => !learnt.has(piece));
  const room = vocabularySize - LEAST - alphabet.length;
  const merged = pieces.filter((piece) => learnt.has(piece)).slice(0, Math.max(0, room));
  const kept = new Set([...merged, ...alphabet]);
  return tokenizerFiles(
    merged,
    room < 0 ? [] : alphabet,
    room < 0
      ? []
      : pairs.filter((pair) => [...pair, pair.join("")].every((each) => kept.has(each))),
    // Where one token begins and ends texts, as Qwen's, no other has its id.
    [bosToken, eosToken === bosToken ? null : eosToken].map((id, mark) => id ?? mark + 1),
  );
}
