/**
 * Which token comes next, by logits, chance and what came before. What is done in which order is vLLM's: log
 * probabilities are the model's own; then logits are biased, then penalties of repetition (Keskar et al. 2019, over
 * prompt and answer), frequency and presence (OpenAI's, over the answer); then temperature, min-p (Nguyen et al.
 * 2024), top-k, top-p (Holtzman et al. 2020) of what is left, and the draw. Of equal logits the lower id counts as
 * the likelier. Not here: the settings and their bounds (`sampling_settings.ts`), where a text ends (`stop.ts`).
 */

import { DivergenceError } from "../../util/errors.ts";
import { SeededRandom } from "../../util/random.ts";
import { type Boundary, firstByCount, firstBySum } from "./boundary.ts";
import { exponential } from "./exponential.ts";
import type { Sampling } from "./sampling_settings.ts";

/** One token and how likely it was. */
export interface TokenLogprob {
  /** Its id. */
  readonly token: number;
  /** Natural logarithm of its probability by the model's own logits, before biases, penalties and temperature. */
  readonly logprob: number;
}

/** A token that was chosen. */
export interface SampledToken {
  /** Its id. */
  readonly token: number;
  /** As in {@linkcode TokenLogprob}; `null`: nobody asked. */
  readonly logprob: number | null;
  /** The likeliest tokens, the likeliest first, as many as were asked for. */
  readonly top: readonly TokenLogprob[];
}

/** Natural logarithm below which a token's probability, as a share of the likeliest one's, is none: 2⁻⁵³. */
const LEAST = -53 * Math.LN2;

/** Candidates and what they weigh, one choice at a time: room that all choices share, grown when it is too small. */
let room = { ids: new Int32Array(0), weights: new Float64Array(0), spare: new Float64Array(0) };

/**
 * Chooses the tokens of one answer, one after another. The answer depends on the logits, the settings and the prompt
 * alone.
 *
 * @example
 * ```ts
 * import { completeSampling, Sampler } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const sampling = completeSampling({ temperature: 0, logprobs: 1 }, 3);
 * const sampler = new Sampler(sampling, Int32Array.of(0));
 * const { token, logprob } = sampler.next(Float32Array.of(0, Math.log(2), 0));
 * assert.equal(token, 1);
 * assert.ok(Math.abs(logprob! - Math.log(0.5)) < 1e-7);
 * ```
 */
export class Sampler {
  readonly #sampling: Sampling;
  readonly #random: SeededRandom;
  /** How often tokens came in the answer; 0: in the prompt alone. */
  readonly #seen = new Map<number, number>();

  /**
   * Of one answer.
   *
   * @param prompt tokens that the answer goes on from.
   */
  constructor(sampling: Sampling, prompt: Int32Array) {
    this.#sampling = sampling;
    this.#random = new SeededRandom(folded(sampling.seed));
    if (sampling.repetitionPenalty !== 1) { for (const token of prompt) this.#seen.set(token, 0); }
  }

  /**
   * The next token of the answer.
   *
   * @param logits of all tokens, after the last one. They are changed while it works, and put back.
   * @throws {DivergenceError} if a logit is not a number, or the greatest is infinite.
   */
  next(logits: Float32Array): SampledToken {
    const { logprobs } = this.#sampling;
    const told = logprobs === null ? null : likeliest(logits, logprobs);
    const changed = this.#adjust(logits);
    const token = this.#choose(logits);
    for (const [id, logit] of changed) logits[id] = logit;
    this.#seen.set(token, (this.#seen.get(token) ?? 0) + 1);
    if (told === null) return { token, logprob: null, top: [] };
    return { token, logprob: logits[token] - told.total, top: told.top };
  }

  /** Biases and penalties, in 32-bit floats as vLLM has them; gives back what the logits were. */
  #adjust(logits: Float32Array): Map<number, number> {
    const { logitBias, repetitionPenalty, presencePenalty, frequencyPenalty } = this.#sampling;
    const changed = new Map<number, number>();
    for (const [token, bias] of logitBias) {
      changed.set(token, logits[token]);
      logits[token] += bias;
    }
    if (repetitionPenalty === 1 && presencePenalty === 0 && frequencyPenalty === 0) return changed;
    for (const [token, times] of this.#seen) {
      if (!changed.has(token)) changed.set(token, logits[token]);
      const logit = logits[token];
      logits[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
      logits[token] -= Math.fround(frequencyPenalty * times);
      if (times > 0) logits[token] -= presencePenalty;
    }
    return changed;
  }

  #choose(logits: Float32Array): number {
    const { temperature, topK, topP, minP } = this.#sampling;
    const best = argmax(logits);
    if (temperature === 0) return best;
    if (room.ids.length < logits.length) {
      const [weights, spare] = [logits, logits].map(({ length }) => new Float64Array(length));
      room = { ids: new Int32Array(logits.length), weights, spare };
    }
    const { ids, weights } = room;
    const greatest = logits[best];
    const least = greatest + temperature * Math.max(LEAST, Math.log(minP));
    let count = 0;
    for (let id = 0; id < logits.length; id++) {
      if (logits[id] < least) continue;
      ids[count] = id;
      weights[count++] = logits[id];
    }
    if (topK > 0 && topK < count) {
      count = keep(count, firstByCount(weights.subarray(0, count), topK, room.spare));
    }
    let sum = 0;
    for (let index = 0; index < count; index++) {
      sum += weights[index] = exponential((weights[index] - greatest) / temperature);
    }
    if (topP < 1) {
      count = keep(count, firstBySum(weights.subarray(0, count), topP, room.spare));
      sum = 0;
      for (let index = 0; index < count; index++) sum += weights[index];
    }
    let left = this.#random.uniform() * sum;
    for (let index = 0; index < count - 1; index++) {
      left -= weights[index];
      if (left < 0) return ids[index];
    }
    return ids[count - 1];
  }
}

/** Keeps of the candidates in the room those up to a boundary, in their order; gives their number. */
function keep(count: number, { value, ties }: Boundary): number {
  const { ids, weights } = room;
  let [kept, equal] = [0, 0];
  for (let index = 0; index < count; index++) {
    const weight = weights[index];
    if (weight < value || weight === value && equal++ >= ties) continue;
    ids[kept] = ids[index];
    weights[kept++] = weight;
  }
  return kept;
}

/** The id of the greatest logit, the lowest of equals. */
function argmax(logits: Float32Array): number {
  let [best, greatest] = [-1, -Infinity];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id];
    // One that is not a number is not at most anything.
    if (logit <= greatest) continue;
    if (Number.isNaN(logit)) throw diverged(logit, id);
    [best, greatest] = [id, logit];
  }
  if (!Number.isFinite(greatest)) throw diverged(greatest, best);
  return best;
}

function diverged(value: number, id: number): DivergenceError {
  const problem = id < 0 ? "logits give no token" : `the logit of token ${id} is no number`;
  return new DivergenceError({ problem, value, expected: "finite logits" });
}

/** The likeliest tokens, and the logarithm of the sum that all probabilities are shares of. */
function likeliest(logits: Float32Array, most: number) {
  const greatest = logits[argmax(logits)];
  const first: number[] = [];
  let sum = 0;
  let beaten = most === 0 ? Infinity : -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id];
    const log = logit - greatest;
    if (log > LEAST) sum += exponential(log);
    if (logit <= beaten) continue;
    insert(first, id, logits);
    if (first.length > most) first.pop();
    if (first.length === most) beaten = logits[first[most - 1]];
  }
  const total = greatest + Math.log(sum);
  return { total, top: first.map((token) => ({ token, logprob: logits[token] - total })) };
}

/** Puts an id behind those whose logits are as great. */
function insert(ids: number[], id: number, logits: Float32Array): void {
  ids.splice(ids.findLastIndex((each) => logits[each] >= logits[id]) + 1, 0, id);
}

/**
 * A seed of 53 bits as one of 32: neighbours stay apart, and so do those that differ in their high bits alone. 0, of
 * which the generator makes a first number near 0, becomes another (2³² divided by the golden ratio).
 */
function folded(seed: number): number {
  return (seed | 0) + Math.imul(Math.floor(seed / 2 ** 32) + 1, 0x9e3779b1) | 0;
}
