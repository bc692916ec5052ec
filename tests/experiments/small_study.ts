/** A study small enough to run in a second: a pair of a few thousand weights and a little text. */

import { join } from "node:path";
import { embeddedTextNames, type StudyTexts } from "../../lib/texts/study_texts.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { MeasurementStore } from "../../lib/experiments/measurement_store.ts";
import {
  type Protocol,
  realProtocol,
} from "../../lib/studies/activation_aware_bitdelta/protocol.ts";
import type { StudyOptions } from "../../lib/studies/activation_aware_bitdelta/run.ts";

/** One thread: sums come out the same each time. */
export const engine = onnxEngine({ threads: 1 });

/** Sentences of the rhyme's words in the order of a seed. */
export function sentences(seed: number, count: number): string {
  const random = new SeededRandom(seed);
  const words = ["the cat", "the rat", "sat", "on the mat", "on the cat"];
  return Array.from({ length: count }, () => random.shuffle(words).join(" ") + ".\n").join("");
}

/** Two documents a domain to score, three passages a seed to calibrate with; two of them are short. */
export const smallTexts: StudyTexts = {
  names: embeddedTextNames,
  evaluation: (domain) =>
    Promise.resolve([1, 2].map((number) => ({
      name: `${domain} ${number}`,
      text: sentences(10 * domain.length + number, 3),
    }))),
  calibration: (seed) => Promise.resolve([2, 12, 1].map((count) => sentences(100 + seed, count))),
};

/** Every kind of task on one pair, as few of each as there can be: 26 in all. */
function smallProtocol(
  { base, fine }: { base: string; fine: string },
  methods: readonly string[],
): Protocol {
  return {
    ...realProtocol,
    name: "small",
    pairs: [{ name: "base → fine", base, fine, standsFor: null }],
    domains: ["wikitext"],
    methods,
    windows: { context: 16, window: 8 },
    calibrationSizes: [16, 160],
    tableCalibrationSize: 16,
    distillation: { steps: 2, batch: 1 },
    wallClock: { batchSizes: [2], steps: 1, repeats: 1 },
    tableTimings: 2,
    seeds: [1],
  };
}

/**
 * A study of the pair in a folder, with a store beside it: what it runs with.
 *
 * @param methods that are measured beside the study's own
 */
export function smallStudy(folder: string, methods: readonly string[] = []): StudyOptions {
  const pair = { base: join(folder, "base"), fine: join(folder, "fine") };
  const protocol = smallProtocol(pair, methods);
  const store = new MeasurementStore(join(folder, "measurements"));
  return { protocol, store, engine, texts: smallTexts };
}
