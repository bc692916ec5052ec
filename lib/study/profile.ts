/** A protocol by name, on the embedded pairs or on a pair of the user's own. */

import { basename, resolve } from "node:path";
import { OptionError } from "../errors.ts";
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
  notebook: notebookProtocol,
  quick: quickProtocol,
  real: realProtocol,
};

/** What a notebook's parameters say of a study. */
export interface StudyChoice {
  /** Name of one of {@linkcode profiles}. */
  readonly profile: string;
  /** Folders of a pair, the only one of the study then; default: all pairs of the profile. */
  readonly base?: string;
  readonly fine?: string;
  /** First seed of calibration text; further ones follow it. Default: 1. */
  readonly seed?: number;
}

/**
 * The protocol that the choices name. A folder that one of the profile's pairs names is that pair.
 *
 * @throws {OptionError} if the profile is unknown, only one folder is given, or the seed is no whole
 * number.
 */
export function chooseProtocol({ profile, base, fine, seed = 1 }: StudyChoice): Protocol {
  const protocol = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
  if (!protocol) {
    throw wrong("profile", "names no profile", profile, Object.keys(profiles).join(", "));
  }
  if (!Number.isSafeInteger(seed)) throw wrong("seed", "is no seed", seed, "a whole number");
  const seeds = (of: readonly number[]) => of.map((_, index) => seed + index);
  const seeded = {
    ...protocol,
    seeds: seeds(protocol.seeds),
    tableSeeds: seeds(protocol.tableSeeds),
  };
  if (base === undefined && fine === undefined) return seeded;
  if (base === undefined || fine === undefined) {
    const missing = base === undefined ? "base" : "fine";
    throw wrong(missing, "is missing", undefined, "both a base and its fine-tune, or neither");
  }
  return { ...seeded, pairs: [pairOf(protocol, resolve(base), resolve(fine))] };
}

function pairOf({ pairs }: Protocol, base: string, fine: string): PairSpec {
  const known = pairs.find((pair) => pair.base === base && pair.fine === fine);
  return known ?? { name: `${basename(base)} → ${basename(fine)}`, base, fine, standsFor: null };
}

function wrong(option: string, problem: string, value: unknown, expected: string): OptionError {
  return new OptionError({ problem, option, value, expected });
}
