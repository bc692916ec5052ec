/** Documents as one long stream of tokens, and the random windows of it that training reads. */

import type { TextTokenizer } from "../checkpoint/tokenizer.ts";
import type { TextDocument } from "../texts/document.ts";
import { TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import { SeededRandom } from "../util/random.ts";
import type { TrainingBatch } from "./language_model.ts";

/** All documents end to end, each after the token that starts a text. */
export async function tokenStream(
  documents: readonly TextDocument[],
  tokenizer: TextTokenizer,
  { onProgress, signal }: Watch = {},
): Promise<Int32Array> {
  const start = tokenizer.bosToken === null ? [] : [tokenizer.bosToken];
  const parts: number[][] = [];
  for (const { text } of documents) {
    parts.push(start, await tokenizer.encodeWithoutSpecial(text, { signal }));
    onProgress?.({ done: parts.length / 2, total: documents.length, label: "tokens" });
  }
  return Int32Array.from(parts.flat());
}

/**
 * The batch of step `step`: `batch` windows of `sequence` + 1 tokens at random places, row r from
 * stream r modulo their number. Seed and step determine it, so that a resumed run reads what an
 * uninterrupted one would.
 *
 * @throws {TextError} if a stream is shorter than one window.
 */
export function trainingBatch(
  streams: readonly Int32Array[],
  { batch, sequence }: { batch: number; sequence: number },
  seed: number,
  step: number,
): TrainingBatch {
  const shortest = Math.min(...streams.map(({ length }) => length));
  if (shortest <= sequence) {
    throw new TextError({
      problem: "is too short to train on",
      value: `${shortest} tokens`,
      expected: `more than ${sequence}`,
    });
  }
  const random = new SeededRandom(Math.imul(seed, 0x9e3779b1) + step);
  const tokens = new Int32Array(batch * sequence);
  const labels = new Int32Array(batch * sequence);
  for (let row = 0; row < batch; row++) {
    const stream = streams[row % streams.length];
    const start = random.integer(stream.length - sequence);
    tokens.set(stream.subarray(start, start + sequence), row * sequence);
    labels.set(stream.subarray(start + 1, start + sequence + 1), row * sequence);
  }
  return { tokens, labels };
}
