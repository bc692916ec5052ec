/**
 * A method that compares others, at work on a pair: each candidate is compressed, all are scored, one is kept. How a
 * candidate is compressed comes from outside (`compress.ts`).
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type DeltaMetadata, withMetadata } from "../delta/delta.ts";
import { writeDelta } from "../delta/delta_writer.ts";
import type { Engine } from "../graph/engine.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import type { Watch } from "../util/progress.ts";
import type { Settings } from "../util/settings.ts";
import {
  candidateLabels,
  choiceMetadata,
  divergences,
  nearest,
  splitText,
  watchOfCandidate,
} from "./choosing.ts";
import { KeptDeltas, madeFromKey, type MakeKept } from "./kept_deltas.ts";
import type { Resumption } from "./kept_run.ts";
import type { Chosen, MethodChoice, TrainedDelta } from "./method.ts";

/** A comparison, all that it depends on chosen. */
export interface Comparison {
  readonly engine: Engine;
  readonly base: Checkpoint;
  readonly fine: Checkpoint;
  readonly method: Chosen<Settings>;
  readonly settings: Settings;
  /** Calibration text, with what is kept aside. */
  readonly sequences: CalibrationSequences;
}

/**
 * The nearest of the candidates, all of which are in memory.
 *
 * @throws {TextError} if there is too little calibration text.
 * @throws what `make` throws.
 */
export async function choose(
  { engine, base, fine, method, settings, sequences }: Comparison,
  make: (
    candidate: MethodChoice,
    text: CalibrationSequences,
    watch: Watch,
  ) => Promise<TrainedDelta>,
  watch: Watch,
): Promise<TrainedDelta> {
  const candidates = method.candidates(settings);
  const labels = candidateLabels(candidates);
  const { seen, aside } = splitText(sequences, method.aside(settings));
  const made: TrainedDelta[] = [];
  for (const [index, candidate] of candidates.entries()) {
    made.push(await make(candidate, seen, watchOfCandidate(watch, index, labels)));
  }
  const deltas = made.map((each) => () => Promise.resolve(each));
  const kls = aside ? await divergences(engine, base, fine, aside, deltas, watch) : [];
  const { delta, ...kept } = made[nearest(kls)];
  const metadata = choiceMetadata(delta.metadata, method, settings, kls);
  return { ...kept, delta: withMetadata(delta, metadata) };
}

/** How a run that writes a file is watched and kept. */
export interface KeptMaking extends Watch {
  /** Where it is kept. */
  readonly state: string;
  /** Identity of the code that makes it; default: the version alone. */
  readonly code?: () => Promise<string>;
  /** What the file tells, from what the delta does. */
  readonly noted: (metadata: DeltaMetadata) => DeltaMetadata;
}

/** Compresses another choice into a file, and keeps its run in a state. */
export type MakeFile = (
  file: string,
  choice: MethodChoice,
  text: CalibrationSequences,
  options: Watch & { readonly state: string },
) => ReturnType<MakeKept>;

/**
 * {@linkcode choose} into a file, each candidate in one of its own until the nearest is known.
 *
 * @returns what was taken up of an earlier run.
 * @throws as {@linkcode choose}.
 * @throws {OutputError} if a file cannot be written.
 */
export async function chooseToFile(
  path: string,
  comparison: Comparison,
  make: MakeFile,
  { state, code, noted, ...watch }: KeptMaking,
): Promise<Resumption> {
  const { engine, base, fine, method, settings, sequences } = comparison;
  const candidates = method.candidates(settings);
  const labels = candidateLabels(candidates);
  const { seen, aside } = splitText(sequences, method.aside(settings));
  const key = madeFromKey(engine, base, fine, comparison, sequences, await code?.() ?? "");
  await using kept = await KeptDeltas.open(path, state, key, candidates.length);
  let [layers, seconds, anew] = [0, 0, kept.anew];
  try {
    for (const [index, candidate] of candidates.entries()) {
      const watched = watchOfCandidate(watch, index, labels);
      using made = await kept.get(
        index,
        (file, state) => make(file, candidate, seen, { ...watched, state }),
      );
      layers += made.layers;
      seconds += made.seconds;
      anew ??= made.anew;
    }
    const files = candidates.map((_, index) => async () => {
      const delta = await kept.open(index);
      return { delta, [Symbol.dispose]: () => delta[Symbol.dispose]() };
    });
    const kls = kept.kls ??
      (aside ? await divergences(engine, base, fine, aside, files, watch) : []);
    await kept.scored(kls);
    using delta = await kept.open(nearest(kls));
    const metadata = noted(choiceMetadata(delta.metadata, method, settings, kls));
    await writeDelta(path, withMetadata(delta, metadata));
  } catch (error) {
    await kept.failed(error, watch.signal);
    throw error;
  }
  await kept.finish();
  return { layers, seconds, anew };
}
