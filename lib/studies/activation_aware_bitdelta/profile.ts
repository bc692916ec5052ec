/** A protocol by name, on the embedded pairs or on a pair of the user's own. */

import { resolve } from "node:path";
import { modelName } from "../../checkpoint/checkpoint_folder.ts";
import { OptionError } from "../../util/errors.ts";
import type { StudyTexts } from "../../texts/study_texts.ts";
import {
  embeddedProtocol,
  notebookProtocol,
  type PairSpec,
  type Protocol,
  quickProtocol,
  realProtocol,
} from "./protocol.ts";

/** Every protocol by the name of its profile. */
export const profiles: Readonly<Record<string, Protocol>> = {
  full: embeddedProtocol,
  quick: quickProtocol,
  notebook: notebookProtocol,
  real: realProtocol,
};

/** What a notebook's parameters or a script's options say of a study. */
export interface StudyChoice {
  /** Name of one of {@linkcode profiles}. */
  readonly profile: string;
  /** Folders of a pair, the only one of the study then; default: all pairs of the profile. */
  readonly base?: string;
  /** Folder of the fine-tune, given with the base's. */
  readonly fine?: string;
  /** All pairs of the study, in the place of the profile's or of `base` and `fine`. */
  readonly pairs?: readonly PairSpec[];
  /** First seed of calibration text; further ones follow it. Default: 1. */
  readonly seed?: number;
  /** The texts that the study will read, which captions name then; default: the embedded ones. */
  readonly texts?: Pick<StudyTexts, "names" | "origins">;
}

/**
 * The protocol that the choices name. Folders that the profile names a pair of are that pair.
 *
 * @param prefix of option names in errors: `"--"` for those of a command line
 * @throws {OptionError} if the profile is unknown, only one folder is given, or one beside pairs, or none for the
 * study's own settings, whose pairs are not in this repository; if the seed is no whole number.
 *
 * @example
 * ```ts
 * import { chooseProtocol, OptionError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { pairs } = chooseProtocol({ profile: "quick" });
 * assert.ok(pairs.some(({ name }) => name === "llama-base → llama-assistant"));
 * assert.throws(() => chooseProtocol({ profile: "fast" }), OptionError);
 * ```
 */
export function chooseProtocol(
  { profile, base, fine, pairs, seed = 1, texts }: StudyChoice,
  prefix = "",
): Protocol {
  const wrong = (option: string, problem: string, value: unknown, expected: string) =>
    new OptionError({ problem, option: prefix + option, value, expected });
  const protocol = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
  if (!protocol) {
    throw wrong("profile", "names no profile", profile, Object.keys(profiles).join(", "));
  }
  if (!Number.isSafeInteger(seed)) throw wrong("seed", "is no seed", seed, "a whole number");
  const seeded = withSeeds(texts ? withTexts(protocol, texts) : protocol, seed);
  if (pairs !== undefined) {
    const [option, value] = base === undefined ? ["fine", fine] : ["base", base];
    if (value === undefined) return { ...seeded, pairs };
    throw wrong(option, "is given beside a file of pairs", value, "one or the other");
  }
  if (base === undefined && fine === undefined && protocol !== realProtocol) return seeded;
  if (base === undefined || fine === undefined) {
    const expected =
      "both a base and its fine-tune, a file of pairs, or neither with a profile of the embedded pairs";
    throw wrong(base === undefined ? "base" : "fine", "is missing", undefined, expected);
  }
  return { ...seeded, pairs: [pairOf(protocol, resolve(base), resolve(fine))] };
}

function withTexts(protocol: Protocol, { names, origins }: Pick<StudyTexts, "names" | "origins">) {
  return { ...protocol, texts: names, ...origins ? { textOrigins: origins } : {} };
}

function withSeeds(protocol: Protocol, first: number): Protocol {
  const following = (seeds: readonly number[]) => seeds.map((_, index) => first + index);
  return {
    ...protocol,
    seeds: following(protocol.seeds),
    tableSeeds: following(protocol.tableSeeds),
  };
}

function pairOf({ pairs }: Protocol, base: string, fine: string): PairSpec {
  const known = pairs.find((pair) => pair.base === base && pair.fine === fine);
  return known ?? { name: `${modelName(base)} → ${modelName(fine)}`, base, fine, standsFor: null };
}
