/**
 * The study as data: every setting of Figures 1–5 and Tables 1–2 stands here and nowhere else. What
 * `study-faithful` and `corrected` mean for a method stands with the method.
 */

import { fileURLToPath } from "node:url";
import type { WindowProtocol } from "../../evaluation/windows.ts";
import { type Domain, domains } from "../../texts/domains.ts";
import { embeddedTextNames, type StudyTexts, type TextNames } from "../../texts/study_texts.ts";

/** A base and a fine-tune of it. */
export interface PairSpec {
  /** Short name in tables and file names. */
  readonly name: string;
  /** Folders of the checkpoints. */
  readonly base: string;
  /** Folder of the fine-tune's. */
  readonly fine: string;
  /** The study's pair whose place it takes; `null` for a pair of the user's own. */
  readonly standsFor: readonly [base: string, fine: string] | null;
}

/** Everything that determines a run of the study, but for checkpoints and texts themselves. */
export interface Protocol {
  /** Stands in provenance. */
  readonly name: string;
  /** The pairs of Tables 1 and 2, in their order; the last is the pair of Figures 1–5. */
  readonly pairs: readonly PairSpec[];
  /** Domains that are scored. */
  readonly domains: readonly Domain[];
  /** The texts that stand for the domains and for calibration, as captions and provenance name them. */
  readonly texts: TextNames;
  /** What was read of which source, where texts are not the embedded ones. */
  readonly textOrigins?: StudyTexts["origins"];
  /** Domain of the tables. */
  readonly tableDomain: Domain;
  /** Characters of evaluation text a domain at most; `null`: all. */
  readonly evaluationCharacters: number | null;
  /** Windows of the perplexity. */
  readonly windows: WindowProtocol;
  /** Further methods that are measured beside those that the study itself is about. */
  readonly methods: readonly string[];
  /** Variants of the methods, in the order of tables; a method that has none of them runs in all of its own. */
  readonly variants: readonly string[];
  /** Token rows of calibration in Figures 2–5, for methods that have such a setting. */
  readonly calibrationSizes: readonly number[];
  /** The same in Figure 1 and the tables. */
  readonly tableCalibrationSize: number;
  /** Training in Figures 2–5 and the tables, for methods that have such settings. */
  readonly distillation: { readonly steps: number; readonly batch: number };
  /** Figure 1: training of `steps` for each batch size, each timed `repeats` times. */
  readonly wallClock: {
    readonly batchSizes: readonly number[];
    readonly steps: number;
    readonly repeats: number;
  };
  /**
   * Timings of a calibration in Table 2 at least: one of each seed's, then as many repeats as are
   * missing, the methods in turns, so that what slows a machine down for a while slows all of them.
   */
  readonly tableTimings: number;
  /** Seeds of calibration text; every calibrated number of the figures' pair is a mean over them. */
  readonly seeds: readonly number[];
  /** The same for the pairs that only the tables show. */
  readonly tableSeeds: readonly number[];
  /** Seed of the bootstrap over documents. */
  readonly bootstrapSeed: number;
}

/**
 * What the study ran, on its own pairs: as published, but for the seeds that it did not vary, the
 * times that it took once, and the texts, which are the embedded ones until a folder of others is
 * given.
 */
export const realProtocol: Protocol = {
  name: "real",
  pairs: [
    real("Mistral-7B-v0.1", "Zephyr-7B-beta"),
    real("Mistral-7B-v0.1", "Mistral-7B-Instruct-v0.1"),
    real("Llama-2-7b-hf", "vicuna-7b-v1.5"),
    real("Llama-2-7b-hf", "Llama-2-7b-chat-hf"),
  ],
  domains,
  texts: embeddedTextNames,
  tableDomain: "wikitext",
  evaluationCharacters: null,
  windows: { context: 1024, window: 512 },
  methods: [],
  variants: ["study-faithful", "corrected"],
  calibrationSizes: [32, 64, 128, 256, 512],
  tableCalibrationSize: 256,
  distillation: { steps: 250, batch: 4 },
  wallClock: { batchSizes: [1, 2, 4, 8, 16, 32], steps: 250, repeats: 3 },
  tableTimings: 3,
  seeds: [1, 2, 3],
  tableSeeds: [1, 2, 3],
  bootstrapSeed: 20240,
};

/**
 * The same study on the embedded pairs, in minutes on two cores: windows fit the length that these
 * were trained at, texts are shorter, and the tables' pairs have one calibration text each.
 */
export const embeddedProtocol: Protocol = {
  ...realProtocol,
  name: "embedded",
  pairs: [
    embedded("mistral-base", "mistral-assistant", 0),
    embedded("mistral-base", "mistral-code", 1),
    embedded("llama-base", "llama-code", 2),
    embedded("llama-base", "llama-assistant", 3),
  ],
  windows: { context: 256, window: 128 },
  evaluationCharacters: 30_000,
  tableSeeds: [1],
  wallClock: { batchSizes: [1, 2, 4, 8, 16, 32], steps: 10, repeats: 3 },
};

/** A look at the whole in little: one seed, fewer sizes and steps, less text. */
export const quickProtocol: Protocol = {
  ...embeddedProtocol,
  name: "embedded-quick",
  evaluationCharacters: 8_000,
  calibrationSizes: [32, 256, 512],
  distillation: { steps: 25, batch: 4 },
  wallClock: { batchSizes: [1, 4, 16], steps: 3, repeats: 3 },
  seeds: [1],
};

/**
 * What a notebook measures unless told otherwise: every size and every step of the embedded study, on
 * one calibration text, scored on less text; each part of it takes about a minute on two cores.
 */
export const notebookProtocol: Protocol = {
  ...embeddedProtocol,
  name: "embedded-notebook",
  evaluationCharacters: 8_000,
  wallClock: { batchSizes: [1, 2, 4, 8, 16, 32], steps: 5, repeats: 2 },
  tableTimings: 2,
  seeds: [1],
};

/**
 * The pair of Figures 1–5.
 *
 * @example
 * ```ts
 * import { chooseProtocol, figurePair } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(figurePair(chooseProtocol({ profile: "full" })).name, "llama-base → llama-assistant");
 * ```
 */
export function figurePair({ pairs }: Protocol): PairSpec {
  return pairs[pairs.length - 1];
}

function real(base: string, fine: string): PairSpec {
  return { name: `${base} → ${fine}`, base, fine, standsFor: [base, fine] };
}

function embedded(base: string, fine: string, row: number): PairSpec {
  const folder = fileURLToPath(new URL("../../../data/checkpoints/", import.meta.url));
  const { standsFor } = realProtocol.pairs[row];
  return { name: `${base} → ${fine}`, base: folder + base, fine: folder + fine, standsFor };
}
