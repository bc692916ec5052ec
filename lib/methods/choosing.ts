/**
 * What a method that compares others does with their deltas: which text is kept aside, how near each delta is to
 * the fine-tune on it, and what the kept one tells of the others. Not here: how they are made (`compress.ts`), and
 * kept where a run is interrupted (`kept_deltas.ts`).
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { applyToCheckpoint } from "../delta/apply.ts";
import type { Delta, DeltaMetadata } from "../delta/delta.ts";
import { Evaluator } from "../evaluation/evaluator.ts";
import type { TokenText } from "../evaluation/token_text.ts";
import type { Engine } from "../graph/engine.ts";
import { type CalibrationSequences, takeSequences } from "../texts/sequences.ts";
import { TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import type { Settings } from "../util/settings.ts";
import type { Chosen, MethodChoice } from "./method.ts";
import { describeMethod } from "./mod.ts";

/** Calibration text in two: what candidates see, and what they are compared on. */
export interface SplitText {
  readonly seen: CalibrationSequences;
  /** `null` where nothing is compared. */
  readonly aside: CalibrationSequences | null;
}

/**
 * Keeps the last sequences aside; none where there is one candidate, which is not compared.
 *
 * @throws {TextError} if none would be left, or those kept aside hold fewer tokens than one sequence and one more.
 */
export function splitText(sequences: CalibrationSequences, aside: number): SplitText {
  if (aside === 0) return { seen: sequences, aside: null };
  const seen = sequences.count - aside;
  if (seen < 1) {
    throw new TextError({
      problem: "calibration text is too short",
      value: `${sequences.count} sequences`,
      expected: `more than the ${aside} that are kept aside to compare candidates on`,
    });
  }
  const kept = takeSequences(sequences, seen, aside);
  const tokens = realTokens(kept).tokens.length;
  if (tokens <= kept.length) {
    throw new TextError({
      problem: "calibration text is too short where it is kept aside",
      value: `${tokens} tokens in ${aside} sequences`,
      expected: `more than ${kept.length} tokens to compare candidates on`,
    });
  }
  return { seen: takeSequences(sequences, 0, seen), aside: kept };
}

/**
 * KL(fine ‖ base + delta) a token of each delta on text, in nats; windows are as long as its sequences, and padding is
 * left out.
 *
 * @param open gives a delta when its turn comes, and takes it back.
 * @throws {TextError} if the text has no more tokens than a sequence.
 * @throws {DivergenceError} if a score is not finite.
 */
export async function divergences(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  text: CalibrationSequences,
  deltas: readonly (() => Promise<{ readonly delta: Delta } & Partial<Disposable>>)[],
  { signal }: Watch,
): Promise<number[]> {
  const tokens = realTokens(text);
  const evaluator = new Evaluator(engine, fine.config, { context: 0, window: text.length });
  try {
    const reference = await evaluator.reference(fine, tokens, { signal });
    const found: number[] = [];
    for (const open of deltas) {
      const opened = await open();
      try {
        const model = await applyToCheckpoint(base, opened.delta);
        found.push((await evaluator.score(model, tokens, reference, { signal })).kl!);
      } finally {
        opened[Symbol.dispose]?.();
      }
    }
    return found;
  } finally {
    await evaluator.release();
  }
}

/** What is not padding, as one text. */
export function realTokens({ tokens, attentionMask }: CalibrationSequences): TokenText {
  const real = tokens.filter((_, at) => attentionMask[at] === 1);
  const name = "calibration text";
  return {
    name,
    tokens: real,
    bytes: new Int32Array(real.length).fill(1),
    documentOf: new Int32Array(real.length),
    documents: [name],
  };
}

/** Which of the candidates is kept: of those that are nearest, the first; the only one where none was compared. */
export function nearest(kls: readonly number[]): number {
  return kls.length === 0 ? 0 : kls.indexOf(Math.min(...kls));
}

/** What a kept delta tells: the method that chose it, all that were compared, and how near each was. */
export function choiceMetadata(
  of: DeltaMetadata,
  method: Chosen<Settings>,
  settings: Settings,
  kls: readonly number[],
): DeltaMetadata {
  const labels = candidateLabels(method.candidates(settings));
  const told = kls.map((kl, index) => [`KL of ${labels[index]}`, kl] as const);
  return {
    ...of,
    method: method.name,
    settings: {
      ...settings,
      ...of.settings,
      ...settings,
      chosen: labels[nearest(kls)],
      ...Object.fromEntries(told),
    },
  };
}

/** Names of methods, described where two candidates are of one. */
export function candidateLabels(candidates: readonly MethodChoice[]): string[] {
  return candidates.map((candidate) => {
    const alike = candidates.filter(({ method }) => method === candidate.method);
    return alike.length === 1 ? candidate.method : describeMethod(candidate);
  });
}

/** Watches one candidate's compression as a part of all of them, which go through the same layers. */
export function watchOfCandidate(
  { onProgress, signal }: Watch,
  index: number,
  labels: readonly string[],
): Watch {
  const parts = (done: number, total: number, resumed?: number) => ({
    done: index * total + done,
    total: labels.length * total,
    ...resumed === undefined ? {} : { resumed: index * total + resumed },
  });
  return {
    signal,
    onProgress: onProgress && (({ done, total, resumed, label, bytes }) =>
      onProgress({
        ...parts(done, total, resumed),
        label: `${labels[index]}: ${label}`,
        ...bytes && { bytes: parts(bytes.done, bytes.total, bytes.resumed) },
      })),
  };
}
