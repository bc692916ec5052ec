/** The options that `reproduce` and `figures` share, and what they stand for. */

import type { Command } from "commander";
import { openTexts } from "../lib/domains/folder_texts.ts";
import { type DeviceOptions, openEngine } from "../lib/device.ts";
import { MeasurementStore } from "../lib/study/measurement_store.ts";
import { chooseProtocol } from "../lib/study/profile.ts";
import type { StudyOptions } from "../lib/study/run.ts";
import { withDeviceOptions } from "./device_options.ts";

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
    .option("--base <folder>", "a base of your own instead of the embedded pairs")
    .option("--fine <folder>", "its fine-tune")
    .option(
      "--texts <folder>",
      "texts of your own instead of the embedded ones: files named code, health, finance, wikitext " +
        "and calibration",
    );
}

/**
 * What a study runs with.
 *
 * @throws {OptionError} if the profile is unknown, only one of base and fine-tune is given, or none
 * for the study's own settings, whose pairs are not in this repository.
 * @throws {TextError} as {@linkcode openTexts}.
 * @throws {DeviceError} as {@linkcode openEngine}.
 */
export async function studyOptions(
  options: StudyCommandOptions,
): Promise<Omit<StudyOptions, "onProgress">> {
  const texts = await openTexts(options.texts);
  return {
    protocol: chooseProtocol({ ...options, texts }, "--"),
    store: new MeasurementStore(`${options.out}/measurements`),
    engine: await openEngine(options),
    texts,
  };
}
