/** Calibration text as the study feeds it: sequences of one length, padded at the end. */

import type { TextTokenizer } from "../checkpoint/tokenizer.ts";
import { TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";

/** Sequences of equal length. */
export interface CalibrationSequences {
  /** Sequences. */
  readonly count: number;
  /** Tokens of a sequence, padding included. */
  readonly length: number;
  /** `[count · length]` */
  readonly tokens: Int32Array;
  /** `[count · length]`: 1 for a token, 0 for padding. */
  readonly attentionMask: Int32Array;
}

/** Tokens of a calibration sequence in the study. */
export const SEQUENCE_LENGTH = 128;

/**
 * One sequence a text: encoded, cut to {@linkcode SEQUENCE_LENGTH} tokens, padded with the end token.
 *
 * @throws {TextError} if there are no texts.
 * @throws {TokenizerError} if a text has a token that the model does not know.
 *
 * @example
 * ```ts
 * import { calibrationSequences, Checkpoint, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const { count, length } = await calibrationSequences(["one", "two"], await model.tokenizer());
 * assert.deepEqual([count, length], [2, 128]);
 * ```
 */
export async function calibrationSequences(
  texts: readonly string[],
  tokenizer: TextTokenizer,
  watch: Watch = {},
): Promise<CalibrationSequences> {
  const sequences: number[][] = [];
  for (const text of texts) sequences.push(await tokenizer.encode(text, watch));
  return padSequences(sequences, tokenizer.eosToken ?? 0, SEQUENCE_LENGTH);
}

/** Sequences of ids, cut and padded to `length`. */
export function padSequences(
  sequences: readonly (readonly number[])[],
  padding: number,
  length: number,
): CalibrationSequences {
  if (sequences.length === 0) {
    throw new TextError({ problem: "holds no calibration text", expected: "one text or more" });
  }
  const tokens = new Int32Array(sequences.length * length).fill(padding);
  const attentionMask = new Int32Array(sequences.length * length);
  sequences.forEach((ids, row) => {
    const kept = ids.slice(0, length);
    tokens.set(kept, row * length);
    attentionMask.fill(1, row * length, row * length + kept.length);
  });
  return { count: sequences.length, length, tokens, attentionMask };
}

/**
 * Checks that a text fills one sequence and has one for each row of a batch; whether it has as many token
 * rows as a method looks at, is another question.
 *
 * @throws {TextError} if it does not.
 */
export function checkEnoughText(
  { count, length, attentionMask }: CalibrationSequences,
  batch = 1,
): void {
  const tokens = attentionMask.reduce((sum, each) => sum + each, 0);
  const tooShort = (found: number, needed: number, unit: string) =>
    new TextError({
      problem: "calibration text is too short",
      value: `${found} ${unit}`,
      expected: `${needed} ${unit} or more`,
    });
  if (tokens < length) throw tooShort(tokens, length, "tokens");
  if (count < batch) throw tooShort(count, batch, `sequences of ${length} tokens`);
}

/**
 * Checks that sequences hold what they say, of tokens that a model knows.
 *
 * @throws {TextError} if they do not.
 */
export function checkSequences(
  { count, length, tokens, attentionMask }: CalibrationSequences,
  vocabularySize: number,
): void {
  const refuse = (problem: string, value: string, expected: string) =>
    new TextError({ problem: `calibration sequences ${problem}`, value, expected });
  if (tokens.length !== count * length || attentionMask.length !== count * length) {
    const value = `${tokens.length} tokens with a mask of ${attentionMask.length}`;
    throw refuse("are not as long as they say", value, `${count} times ${length} of each`);
  }
  const place = (at: number) => `${at % length} of sequence ${Math.floor(at / length)}`;
  const beyond = tokens.findIndex((token) => token < 0 || token >= vocabularySize);
  if (beyond >= 0) {
    const value = `${tokens[beyond]} as token ${place(beyond)}`;
    throw refuse("have a token that the model does not know", value, `0 to ${vocabularySize - 1}`);
  }
  const neither = attentionMask.findIndex((each) => each !== 0 && each !== 1);
  if (neither < 0) return;
  const value = `${attentionMask[neither]} at token ${place(neither)}`;
  throw refuse("have a mask that is none", value, "1 for a token, 0 for padding");
}

/** Sequences `first` to `first + count`, from the start again after the last. */
export function takeSequences(
  from: CalibrationSequences,
  first: number,
  count: number,
): CalibrationSequences {
  const { length } = from;
  const tokens = new Int32Array(count * length);
  const attentionMask = new Int32Array(count * length);
  for (let row = 0; row < count; row++) {
    const at = ((first + row) % from.count) * length;
    tokens.set(from.tokens.subarray(at, at + length), row * length);
    attentionMask.set(from.attentionMask.subarray(at, at + length), row * length);
  }
  return { count, length, tokens, attentionMask };
}
