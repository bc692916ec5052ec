/** Which tokens may come and how likely each is, by sorting everything: the definitions, and nothing else. */

import type { Sampling } from "../../../lib/model/serving/sampling_settings.ts";

/** Probabilities of the tokens that may come next, by id. */
export function plainProbabilities(
  logits: readonly number[],
  sampling: Sampling,
  prompt: readonly number[],
  answer: readonly number[],
): Map<number, number> {
  const adjusted = logits.map((logit, id) => {
    let x = Math.fround(logit + (sampling.logitBias.get(id) ?? 0));
    const times = answer.filter((each) => each === id).length;
    if (prompt.includes(id) || times > 0) {
      x = Math.fround(x > 0 ? x / sampling.repetitionPenalty : x * sampling.repetitionPenalty);
    }
    x = Math.fround(x - Math.fround(sampling.frequencyPenalty * times));
    return times > 0 ? Math.fround(x - sampling.presencePenalty) : x;
  });
  const order = adjusted.map((_, id) => id).sort((a, b) => adjusted[b] - adjusted[a] || a - b);
  if (sampling.temperature === 0) return new Map([[order[0], 1]]);
  const greatest = adjusted[order[0]];
  const weight = (id: number) => Math.exp((adjusted[id] - greatest) / sampling.temperature);
  let kept = order.filter((id) => weight(id) >= sampling.minP * (1 - 1e-9));
  if (sampling.topK > 0) kept = kept.slice(0, sampling.topK);
  const total = kept.reduce((sum, id) => sum + weight(id), 0);
  if (sampling.topP < 1) {
    let before = 0;
    kept = kept.filter((id, place) => {
      const within = place === 0 || before < sampling.topP * total;
      before += weight(id);
      return within;
    });
  }
  const sum = kept.reduce((sum, id) => sum + weight(id), 0);
  return new Map(kept.map((id) => [id, weight(id) / sum]));
}

/** The token that a number from 0 to 1 falls on, where tokens stand side by side in the order of their ids. */
export function drawn(probabilities: ReadonlyMap<number, number>, uniform: number): number {
  let before = 0;
  const ids = [...probabilities.keys()].sort((a, b) => a - b);
  return ids.find((id) => (before += probabilities.get(id)!) > uniform) ?? ids[ids.length - 1];
}
