/** The options that `reproduce` and `figures` share, and what they stand for. */

import { basename } from "node:path";
import type { Command } from "commander";
import { embeddedTexts } from "../lib/domains/study_texts.ts";
import { type DeviceOptions, openEngine } from "../lib/device.ts";
import { OptionError } from "../lib/errors.ts";
import { MeasurementStore } from "../lib/study/measurement_store.ts";
import {
  embeddedProtocol,
  type Protocol,
  quickProtocol,
  realProtocol,
} from "../lib/study/protocol.ts";
import type { StudyOptions } from "../lib/study/run.ts";
import { withDeviceOptions } from "./device_options.ts";

/** Options of a study on the command line. */
export interface StudyCommandOptions extends DeviceOptions {
  profile: string;
  out: string;
  base?: string;
  fine?: string;
}

const profiles: Record<string, Protocol> = {
  full: embeddedProtocol,
  quick: quickProtocol,
  real: realProtocol,
};

/** Adds the options of a study to a command. */
export function withStudyOptions(command: Command): Command {
  return withDeviceOptions(command)
    .option(
      "--profile <name>",
      "full; quick: one seed, fewer sizes and steps; real: all of the study's settings, for 7B pairs",
      "full",
    )
    .option("--out <folder>", "folder of measurements, figures and tables", "results")
    .option("--base <folder>", "a base of your own instead of the embedded pairs")
    .option("--fine <folder>", "its fine-tune");
}

/**
 * What a study runs with.
 *
 * @throws {OptionError} if the profile is unknown, only one of base and fine-tune is given, or none
 * for the study's own settings, whose pairs are not in this repository.
 * @throws {DeviceError} as {@linkcode openEngine}.
 */
export async function studyOptions(
  options: StudyCommandOptions,
): Promise<Omit<StudyOptions, "onProgress">> {
  const protocol = chosenProtocol(options);
  return {
    protocol,
    store: new MeasurementStore(`${options.out}/measurements`),
    engine: await openEngine(options),
    texts: embeddedTexts,
  };
}

function chosenProtocol({ profile, base, fine }: StudyCommandOptions): Protocol {
  const protocol = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
  if (!protocol) {
    throw new OptionError({
      problem: "names no profile",
      option: "--profile",
      value: profile,
      expected: Object.keys(profiles).join(", "),
    });
  }
  if (base === undefined && fine === undefined && protocol !== realProtocol) return protocol;
  if (base === undefined || fine === undefined) {
    throw new OptionError({
      problem: "is missing",
      option: base === undefined ? "--base" : "--fine",
      expected: "both a base and its fine-tune, or neither with a profile of the embedded pairs",
    });
  }
  const name = `${basename(base)} → ${basename(fine)}`;
  return { ...protocol, pairs: [{ name, base, fine, standsFor: null }] };
}
