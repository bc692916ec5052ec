/** A study small enough to run in seconds: checkpoints of a few thousand weights and a little text. */

import { join } from "node:path";
import type { StudyTexts } from "../../lib/domains/study_texts.ts";
import { onnxEngine } from "../../lib/onnx/engine.ts";
import { SeededRandom } from "../../lib/random.ts";
import { MeasurementStore } from "../../lib/study/measurement_store.ts";
import { type Protocol, realProtocol } from "../../lib/study/protocol.ts";
import type { StudyOptions } from "../../lib/study/run.ts";
import { trainBytePairEncoding } from "../../lib/training/bpe.ts";
import { saveTiny, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { RHYME } from "../training/small_tokenizer.ts";

/** One thread: sums come out the same each time. */
export const engine = onnxEngine({ threads: 1 });

const config = { ...TINY_CONFIG, vocabularySize: 284, maximumPositions: 512 };

/** Saves a base and a small step away from it, each with a tokenizer, as `<folder>/base` and `fine`. */
export async function saveSmallPair(folder: string): Promise<{ base: string; fine: string }> {
  const weights = new Map<string, Float32Array>();
  const base = await saveTiny(join(folder, "base"), {
    config,
    change(tensor, values) {
      values.forEach((value, at) => values[at] = tensor.includes("norm") ? 1 : value / 5);
      weights.set(tensor, values.slice());
    },
  });
  const fine = await saveTiny(join(folder, "fine"), {
    config,
    seed: 2,
    change: (tensor, values) =>
      values.forEach((step, at) => values[at] = weights.get(tensor)![at] + step / 20),
  });
  const files = await trainBytePairEncoding([RHYME], { vocabularySize: config.vocabularySize });
  for (const directory of [base, fine]) {
    const write = (name: string, json: unknown) =>
      Deno.writeTextFile(join(directory, name), JSON.stringify(json));
    await write("tokenizer.json", files.tokenizer);
    await write("tokenizer_config.json", files.tokenizerConfig);
  }
  return { base, fine };
}

/** Sentences of the rhyme's words in the order of a seed. */
export function sentences(seed: number, count: number): string {
  const random = new SeededRandom(seed);
  const words = ["the cat", "the rat", "sat", "on the mat", "on the cat"];
  return Array.from({ length: count }, () => random.shuffle(words).join(" ") + ".\n").join("");
}

/** Two documents a domain to score, three passages a seed to calibrate with; two of them are short. */
export const smallTexts: StudyTexts = {
  name: "rhymes",
  evaluation: (domain) =>
    Promise.resolve([1, 2].map((number) => ({
      name: `${domain} ${number}`,
      text: sentences(10 * domain.length + number, 3),
    }))),
  calibration: (seed) => Promise.resolve([2, 12, 1].map((count) => sentences(100 + seed, count))),
};

/** Every kind of task on one pair, as few of each as there can be: 16 in all. */
export function smallProtocol({ base, fine }: { base: string; fine: string }): Protocol {
  return {
    ...realProtocol,
    name: "small",
    pairs: [{ name: "base → fine", base, fine, standsFor: null }],
    domains: ["wikitext"],
    windows: { context: 16, window: 8 },
    calibrationSizes: [16, 160],
    tableCalibrationSize: 16,
    distillation: { steps: 2, batch: 1 },
    wallClock: { batchSizes: [2], steps: 1, repeats: 1 },
    seeds: [1],
  };
}

/** A pair and a store in a folder, and what a study of them runs with. */
export async function smallStudy(folder: string): Promise<StudyOptions> {
  const protocol = smallProtocol(await saveSmallPair(folder));
  const store = new MeasurementStore(join(folder, "measurements"));
  return { protocol, store, engine, texts: smallTexts };
}
