/**
 * How the next token is chosen, as data: settings with their bounds. Not here: the choice itself
 * (`sampling.ts`), where a text ends (`stop.ts`).
 */

import { OptionError } from "../../util/errors.ts";
import { completeSettings, type Schema } from "../../util/settings.ts";

/** Settings that are numbers. */
export type SamplingNumbers = {
  /** What logits are divided by; 0: the likeliest token, always. */
  readonly temperature: number;
  /** Only the so many likeliest tokens may come; 0: all. */
  readonly topK: number;
  /** Only the fewest likeliest tokens may come whose probabilities sum to so much. */
  readonly topP: number;
  /** Only tokens may come that are at least so likely, as a share of the likeliest one. */
  readonly minP: number;
  /** Logits of tokens of the prompt and of the answer are divided by it, negative ones multiplied. */
  readonly repetitionPenalty: number;
  /** Taken from the logits of tokens of the answer. */
  readonly presencePenalty: number;
  /** Taken from the logits of tokens of the answer, once for each time that they came. */
  readonly frequencyPenalty: number;
  /** Determines chance: a request with the same seed has the same answer. */
  readonly seed: number;
};

/** Settings of the choice of tokens. */
export interface Sampling extends SamplingNumbers {
  /** Added to the logits of tokens, by their ids, before all else. */
  readonly logitBias: ReadonlyMap<number, number>;
  /** How many of the likeliest tokens are told beside each token, all with log probabilities; `null`: none at all. */
  readonly logprobs: number | null;
}

const penalty = (help: string) =>
  ({ kind: "number", default: 0, minimum: -2, maximum: 2, help }) as const;
const share = (value: number, help: string) =>
  ({ kind: "number", default: value, minimum: 0, maximum: 1, help }) as const;

/** What the numbers may be: the bounds of OpenAI's API and of vLLM. */
export const samplingSettings: Schema<SamplingNumbers> = {
  temperature: {
    ...{ kind: "number", default: 1, minimum: 0, maximum: 2 },
    help: "what logits are divided by; 0: the likeliest token, always",
  },
  topK: {
    ...{ kind: "whole number", default: 0, minimum: 0, maximum: 2 ** 31 - 1 },
    help: "how many of the likeliest tokens may come; 0: all",
  },
  topP: share(1, "probability of the likeliest tokens that may come"),
  minP: share(0, "least probability of tokens that may come, as a share of the likeliest one's"),
  repetitionPenalty: {
    ...{ kind: "number", default: 1, minimum: 0.01, maximum: 100 },
    help: "what logits of tokens that have come are divided by; the prompt's count",
  },
  presencePenalty: penalty("taken from logits of tokens that have come in the answer"),
  frequencyPenalty: penalty("taken from logits of tokens for each time they came in the answer"),
  seed: {
    ...{ kind: "whole number", default: 0 },
    ...{ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
    help: "determines chance",
  },
};

/** Most tokens whose logits a request may change, as vLLM and OpenAI have room for. */
const MOST_BIASES = 1024;
/** What may be added to a logit. */
const MOST_BIAS = 100;
/** Most of the likeliest tokens that are told. */
const MOST_LOGPROBS = 20;

/**
 * Settings with defaults where nothing is given.
 *
 * @param vocabularySize of the model whose tokens are chosen.
 * @throws {OptionError} if one is unknown or out of its bounds.
 *
 * @example
 * ```ts
 * import { completeSampling, OptionError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const sampling = completeSampling({ temperature: 0.7, topP: 0.9 }, 32000);
 * assert.deepEqual([sampling.topP, sampling.topK, sampling.seed], [0.9, 0, 0]);
 * assert.throws(() => completeSampling({ temperature: -1 }, 32000), OptionError);
 * ```
 */
export function completeSampling(given: Partial<Sampling>, vocabularySize: number): Sampling {
  const { logitBias = new Map(), logprobs = null, ...numbers } = given;
  const problem = "does not fit sampling";
  if (
    logprobs !== null && !(Number.isInteger(logprobs) && logprobs >= 0 && logprobs <= MOST_LOGPROBS)
  ) {
    const expected = `a whole number from 0 to ${MOST_LOGPROBS}`;
    throw new OptionError({ problem, option: "logprobs", value: logprobs, expected });
  }
  const option = "logitBias";
  if (logitBias.size > MOST_BIASES) {
    const expected = `${MOST_BIASES} tokens at most`;
    throw new OptionError({ problem, option, value: logitBias.size, expected });
  }
  for (const [token, bias] of logitBias) {
    if (!(Number.isInteger(token) && token >= 0 && token < vocabularySize)) {
      const expected = `ids of tokens below ${vocabularySize}`;
      throw new OptionError({ problem, option, value: token, expected });
    }
    if (!(Math.abs(bias) <= MOST_BIAS)) {
      const expected = `numbers from −${MOST_BIAS} to ${MOST_BIAS}`;
      throw new OptionError({ problem, option, value: bias, expected });
    }
  }
  return { ...completeSettings(samplingSettings, numbers, "sampling"), logitBias, logprobs };
}
