/** The options that `reproduce` and `figures` share, and what they stand for. */

import type { Command } from "commander";
import { join } from "node:path";
import {
  checkOutputs,
  chooseProtocol,
  type DeviceOptions,
  MeasurementStore,
  openEngine,
  openTexts,
  type Output,
  type Place,
  type StudyOptions,
} from "../lib/mod.ts";
import { withDeviceOptions } from "./device_options.ts";
import { placesRead } from "./places.ts";

/** Options of a study on the command line. */
export interface StudyCommandOptions extends DeviceOptions {
  profile: string;
  out: string;
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
        "study's sizes, steps and windows, for 7B pairs; its texts come by --texts",
      "full",
    )
    .option("--out <folder>", "folder of measurements, figures and tables", "results")
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
): Promise<Omit<StudyOptions, "onProgress">> {
  const texts = await openTexts(options.texts);
  const protocol = chooseProtocol({ ...options, texts }, "--");
  const { base, fine } = options;
  const embedded = base ? [] : protocol.pairs.flatMap((pair) => [pair.base, pair.fine])
    .map((path) => ({ option: "--profile", path }));
  const own = placesRead({ base, fine, texts: options.texts });
  await checkOutputs(outputs, [...inputs, ...own, ...embedded]);
  return {
    protocol,
    store: new MeasurementStore(measurementFolder(options)),
    engine: await openEngine(options),
    texts,
  };
}
