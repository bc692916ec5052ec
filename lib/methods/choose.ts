/**
 * A method that compares others, at work on a pair: each candidate is compressed, all are scored, one is kept. How a
 * candidate is compressed comes from outside (`compress.ts`).
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Delta, DeltaMetadata } from "../delta/delta.ts";
import { type DeltaFile, openDelta } from "../delta/delta_file.ts";
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
import { choiceKey, KeptChoice } from "./kept_choice.ts";
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
  const kls = await divergences(engine, base, fine, aside, deltas, watch);
  const { delta, ...kept } = made[nearest(kls)];
  const metadata = choiceMetadata(delta.metadata, method, settings, kls);
  return { ...kept, delta: withMetadata(delta, metadata) };
}

/** How a comparison that writes a file is watched and kept. */
export interface KeptComparison extends Watch {
  /** Where it is kept. */
  readonly state: string;
  /** Identity of the code that makes it. */
  readonly code: string;
  /** What the file tells, from what the delta does. */
  readonly noted: (metadata: DeltaMetadata) => DeltaMetadata;
}

/** A candidate in its file. */
export interface MadeFile {
  readonly delta: DeltaFile;
  readonly resumption: Resumption | null;
}

/**
 * {@linkcode choose} into a file, each candidate in one of its own until the nearest is known.
 *
 * @param make compresses a candidate into a file, and keeps its run in a state.
 * @returns what was taken up of an earlier run.
 * @throws as {@linkcode choose}.
 * @throws {OutputError} if a file cannot be written.
 */
export async function chooseToFile(
  path: string,
  comparison: Comparison,
  make: (
    file: string,
    candidate: MethodChoice,
    text: CalibrationSequences,
    options: Watch & { readonly state: string },
  ) => Promise<MadeFile>,
  { state, code, noted, ...watch }: KeptComparison,
): Promise<Resumption> {
  const { engine, base, fine, method, settings, sequences } = comparison;
  const candidates = method.candidates(settings);
  const labels = candidateLabels(candidates);
  const { seen, aside } = splitText(sequences, method.aside(settings));
  const key = choiceKey(engine, base, fine, { ...comparison, variant: null }, sequences, code);
  await using kept = await KeptChoice.open(path, state, key, candidates.length);
  let [layers, seconds, anew] = [0, 0, kept.anew];
  try {
    for (const [index, candidate] of candidates.entries()) {
      const before = await kept.secondsOf(index);
      const started = performance.now();
      const made = before === null
        ? await make(kept.file(index), candidate, seen, {
          ...watchOfCandidate(watch, index, labels),
          state: kept.state(index),
        })
        : { delta: await openDelta(kept.file(index)), resumption: null };
      using delta = made.delta;
      const { resumption } = made;
      const resumed = before ?? resumption?.seconds ?? 0;
      layers += before === null ? resumption?.layers ?? 0 : delta.layers.size;
      seconds += resumed;
      anew ??= resumption?.anew ?? null;
      if (before !== null) continue;
      const took = resumed + (performance.now() - started) / 1000;
      await kept.made(index, delta.digest!, took);
    }
    const files = candidates.map((_, index) => async () => {
      const delta = await openDelta(kept.file(index));
      return { delta, [Symbol.dispose]: () => delta[Symbol.dispose]() };
    });
    const kls = kept.kls ?? await divergences(engine, base, fine, aside, files, watch);
    await kept.scored(kls);
    using delta = await openDelta(kept.file(nearest(kls)));
    const metadata = noted(choiceMetadata(delta.metadata, method, settings, kls));
    await writeDelta(path, withMetadata(delta, metadata));
  } catch (error) {
    await kept.failed(error, watch.signal);
    throw error;
  }
  await kept.finish();
  return { layers, seconds, anew };
}

/** The same delta, which tells something else of itself. */
function withMetadata(delta: Delta, metadata: DeltaMetadata): Delta {
  return {
    metadata,
    layers: delta.layers,
    whole: delta.whole,
    readLayer: (name) => delta.readLayer(name),
    readWhole: (tensor) => delta.readWhole(tensor),
  };
}
