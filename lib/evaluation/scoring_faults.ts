/** What a text cannot be scored for: its tokens, the model's positions, numbers that are not finite. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { longestSequence } from "../checkpoint/rotary_frequencies.ts";
import { largestWeight } from "../checkpoint/not_finite.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { CheckpointError, DivergenceError, OptionError } from "../util/errors.ts";
import type { TokenText } from "./token_text.ts";

/** @throws {CheckpointError} if the text has a token that the model has not. */
export function checkTokens({ name, config }: WeightSource, text: TokenText): void {
  const beyond = text.tokens.find((token) => token >= config.vocabularySize);
  if (beyond === undefined) return;
  throw new CheckpointError({
    problem: `text '${text.name}' holds a token beyond the vocabulary of '${name}'`,
    value: beyond,
    expected: `a token below ${config.vocabularySize}`,
  });
}

/** @throws {OptionError} if so many tokens are more than the model was made for. */
export function checkPositions(config: DecoderConfig, length: number): void {
  const longest = longestSequence(config);
  if (length <= longest) return;
  throw new OptionError({
    problem: "windows are longer than the model's positions",
    option: "context plus window",
    value: length,
    expected: `at most ${longest}, its max_position_embeddings` +
      (config.ropeScaling ? " as they are scaled" : ""),
  });
}

/** Names the tensor that is most likely at fault: where products overflow, the one of the largest weight. */
export async function diverged(
  what: string,
  text: TokenText,
  models: readonly WeightSource[],
): Promise<DivergenceError> {
  const { model, tensor, magnitude } = await largestWeight(models);
  return new DivergenceError({
    problem: `${what} of '${model}' on '${text.name}' is not finite; its largest weight is here`,
    tensor,
    value: magnitude,
    expected: "weights whose products stay within 32-bit floats",
  });
}
