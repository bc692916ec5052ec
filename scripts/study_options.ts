/** The options that `reproduce` and `figures` share, and what they stand for. */

import type { Command } from "commander";
import { join } from "node:path";
import {
  checkOutputs,
  chooseProtocol,
  chosenTexts,
  type DeviceOptions,
  MeasurementStore,
  openEngine,
  openTexts,
  OptionError,
  type Output,
  type Place,
  readPairsFile,
  type StudyOptions,
  type Watch,
} from "../lib/mod.ts";
import { withDeviceOptions } from "./device_options.ts";
import { placesRead } from "./places.ts";

/** Options of a study on the command line. */
export interface StudyCommandOptions extends DeviceOptions {
  profile?: string;
  out: string;
  pairs?: string;
  base?: string;
  fine?: string;
  texts?: string;
}

/** Adds the options of a study to a command. */
export function withStudyOptions(command: Command): Command {
  return withDeviceOptions(command)
    .option(
      "--profile <name>",
      "full; quick: one seed, fewer sizes and steps; notebook: what notebooks measure; real: the " +
        "study's sizes, steps and windows, for 7B pairs; default: full, and real with --pairs",
    )
    .option("--out <folder>", "folder of measurements, figures and tables", "results")
    .option(
      "--pairs <file>",
      "pairs and texts of your own instead of the embedded ones, as data/pairs/study.json names them",
    )
    .option("--base <name>", "a base of your own instead of the embedded pairs")
    .option("--fine <name>", "its fine-tune")
    .option(
      "--texts <folder>",
      "texts of your own instead of the embedded ones: files named code, health, finance, wikitext " +
        "and calibration",
    );
}

/** Where a study keeps its measurements. */
export function measurementFolder({ out }: { readonly out: string }): string {
  return join(out, "measurements");
}

/**
 * What a study runs with.
 *
 * @param outputs all that the command is to write.
 * @param inputs what it reads beside pairs and texts.
 * @param watch is told of texts that are fetched.
 * @throws {OptionError} if the profile is unknown, only one of base and fine-tune is given, or none
 * for the study's own settings, whose pairs are not in this repository.
 * @throws {TextError} as {@linkcode openTexts}.
 * @throws {OutputError} {OptionError} as {@linkcode checkOutputs}.
 * @throws {DeviceError} as {@linkcode openEngine}.
 */
export async function studyOptions(
  options: StudyCommandOptions,
  outputs: readonly Output[],
  inputs: readonly Place[] = [],
  watch: Watch = {},
): Promise<Omit<StudyOptions, "onProgress">> {
  const { base, fine, pairs: file } = options;
  const named = file === undefined ? undefined : await readPairsFile(file);
  const profile = options.profile ?? (named ? "real" : "full");
  if (named?.texts && options.texts !== undefined) {
    const problem = "is given beside a file of pairs that names texts";
    const expected = "one or the other";
    throw new OptionError({ problem, option: "--texts", value: options.texts, expected });
  }
  const texts = named?.texts
    ? await chosenTexts(named.texts, watch)
    : await openTexts(options.texts);
  const protocol = chooseProtocol({ profile, base, fine, pairs: named?.pairs, texts }, "--");
  const option = named ? "--pairs" : "--profile";
  const ofPairs = base ? [] : protocol.pairs.flatMap((pair) => [pair.base, pair.fine])
    .map((path) => ({ option, path }));
  const own = placesRead({ pairs: file, base, fine, texts: options.texts });
  await checkOutputs(outputs, [...inputs, ...own, ...ofPairs]);
  return {
    protocol,
    store: new MeasurementStore(measurementFolder(options)),
    engine: await openEngine(options),
    texts,
  };
}
