/** Random calibration text, padded at the end, for tiny models. */

import type { CalibrationSequences } from "../../lib/texts/sequences.ts";
import { SeededRandom } from "../../lib/util/random.ts";

/** Sequences of `lengths[row]` random tokens and padding up to `length`, all below `vocabulary`. */
export function randomSequences(
  lengths: readonly number[],
  length: number,
  vocabulary: number,
  seed: number,
): CalibrationSequences {
  const random = new SeededRandom(seed);
  const tokens = Int32Array.from(
    { length: lengths.length * length },
    () => random.integer(vocabulary),
  );
  const attentionMask = Int32Array.from(
    tokens,
    (_, at) => +(at % length < lengths[Math.floor(at / length)]),
  );
  return { count: lengths.length, length, tokens, attentionMask };
}

/** The same sequences in the order of `rows`. */
export function reordered(
  { length, tokens, attentionMask }: CalibrationSequences,
  rows: readonly number[],
): CalibrationSequences {
  const pick = (numbers: Int32Array) =>
    Int32Array.from(rows.flatMap((row) => [...numbers.subarray(row * length, (row + 1) * length)]));
  return { count: rows.length, length, tokens: pick(tokens), attentionMask: pick(attentionMask) };
}
