/**
 * The study as data: pairs, texts, sizes and seeds of calibration, and what a delta is scaled by. Its models stand in
 * `models.ts`.
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import type { WindowProtocol } from "../../evaluation/windows.ts";
import { type Domain, domains } from "../../texts/domains.ts";
import { OptionError } from "../../util/errors.ts";
import type { SettingValue } from "../../util/settings.ts";
import { type BeyondModel, beyondModels } from "./models.ts";
import { embeddedPairTexts, type Mix, mixes, type PairTexts } from "./pair_texts.ts";

/** A pair to measure. */
export interface BeyondPair {
  /** In tables and figures. */
  readonly name: string;
  /** Folder of the base, or its name on the Hub. */
  readonly base: string;
  /** The same of the fine-tune. */
  readonly fine: string;
  /** What the fine-tune is for; `null` where that is none of the domains. */
  readonly domain: Domain | null;
  /** What it is scored on and calibrated with. */
  readonly texts: PairTexts;
}

/** Everything that determines a run, but for checkpoints and texts themselves. */
export interface BeyondProtocol {
  /** Stands in provenance. */
  readonly name: string;
  /** In the order of tables and panels. */
  readonly pairs: readonly BeyondPair[];
  /** What is measured on them. */
  readonly models: readonly BeyondModel[];
  /** Domains that are scored; `wikitext` is general text. */
  readonly domains: readonly Domain[];
  /** Characters of evaluation text a domain at most. */
  readonly evaluationCharacters: number;
  /** Windows of the scores. */
  readonly windows: WindowProtocol;
  /** Tokens of calibration text, for methods that have a setting `rows`. */
  readonly sizes: readonly number[];
  /** The one of them at which all methods stand beside each other. */
  readonly size: number;
  /** Kinds of calibration text; the first is the one at which all methods stand beside each other. */
  readonly mixes: readonly Mix[];
  /** Settings in the place of the models' own, for methods that have them. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** Seeds of calibration text. */
  readonly seeds: readonly number[];
  /** Shares of a pair's delta that stand for weaker fine-tunes, `W_base + t·Δ`, 1 for itself; `null`: none. */
  readonly crossover: { readonly pair: string; readonly shares: readonly number[] } | null;
  /** Seed of the bootstrap over documents and seeds. */
  readonly bootstrapSeed: number;
}

/** The whole on the embedded pairs. */
export const beyondProtocol: BeyondProtocol = {
  name: "beyond",
  pairs: [
    embedded("mistral-base", "mistral-assistant", "health"),
    embedded("mistral-base", "mistral-code", "code"),
    embedded("llama-base", "llama-code", "code"),
    embedded("llama-base", "llama-assistant", "health"),
  ],
  models: beyondModels,
  domains,
  evaluationCharacters: 8_000,
  windows: { context: 256, window: 128 },
  sizes: [1024, 4096, 16384],
  size: 4096,
  mixes,
  settings: {},
  seeds: [1, 2, 3, 4, 5],
  crossover: { pair: "llama-base → llama-assistant", shares: [0.1, 0.25, 0.5, 0.75, 1] },
  bootstrapSeed: 20240,
};

/** A look at the whole in little: one pair, less text, one seed, and what takes seconds. */
export const quickBeyondProtocol: BeyondProtocol = {
  ...beyondProtocol,
  name: "beyond-quick",
  pairs: beyondProtocol.pairs.slice(-1),
  models: beyondModels.filter(({ isCostly }) => !isCostly),
  domains: ["health", "wikitext"],
  evaluationCharacters: 2_500,
  sizes: [512],
  size: 512,
  mixes: ["general"],
  settings: { steps: 10 },
  seeds: [1],
  crossover: { pair: "llama-base → llama-assistant", shares: [0.25, 1] },
};

const profiles: Readonly<Record<string, BeyondProtocol>> = {
  full: beyondProtocol,
  quick: quickBeyondProtocol,
};

/** What a script's options say of the study. */
export interface BeyondChoice {
  /** `full` or `quick`. */
  readonly profile: string;
  /** Pairs in the place of the profile's; none of their deltas is scaled. */
  readonly pairs?: readonly BeyondPair[];
}

/**
 * The protocol that a choice names.
 *
 * @param prefix of option names in errors: `"--"` for those of a command line
 * @throws {OptionError} if the profile is unknown.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, OptionError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(chooseBeyondProtocol({ profile: "full" }).pairs.length, 4);
 * assert.throws(() => chooseBeyondProtocol({ profile: "fast" }), OptionError);
 * ```
 */
export function chooseBeyondProtocol(
  { profile, pairs }: BeyondChoice,
  prefix = "",
): BeyondProtocol {
  if (!Object.hasOwn(profiles, profile)) {
    throw new OptionError({
      problem: "names no profile",
      option: `${prefix}profile`,
      value: profile,
      expected: Object.keys(profiles).join(", "),
    });
  }
  const protocol = profiles[profile];
  if (pairs === undefined) return protocol;
  return { ...protocol, pairs, crossover: null };
}

/**
 * A pair by words of a command line: name, base, fine-tune, and perhaps the domain that the fine-tune is for, of which
 * text to calibrate with is embedded. It is scored on the embedded texts.
 *
 * @param option what to call the words in errors
 * @throws {OptionError} if there are fewer or more words, or the domain is none.
 *
 * @example
 * ```ts
 * import { beyondPair, OptionError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(beyondPair(["mine", "a", "b", "code"]).domain, "code");
 * assert.throws(() => beyondPair(["mine", "a"]), OptionError);
 * ```
 */
export function beyondPair(words: readonly string[], option = "pair"): BeyondPair {
  const [name, base, fine, named] = words;
  const domain = domains.find((each) => each === named) ?? null;
  if (fine !== undefined && words.length < 5 && (named === undefined || domain !== null)) {
    const place = (source: string) => isHubName(source) ? source : resolve(source);
    return { name, base: place(base), fine: place(fine), domain, texts: embeddedPairTexts(domain) };
  }
  throw new OptionError({
    problem: "names no pair",
    option,
    value: words.join(" "),
    expected: `a name, a base, its fine-tune, and perhaps one of ${domains.join(", ")}`,
  });
}

/** Text that every pair is scored on beside its own domain's. */
export const GENERAL: Domain = "wikitext";

/** What a pair's fidelity is told by: general text, and that of its own domain where it has one. */
export function headlineDomains(
  { domain }: Pick<BeyondPair, "domain">,
  { domains }: Pick<BeyondProtocol, "domains">,
): Domain[] {
  return domains.filter((each) => each === GENERAL || each === domain);
}

function embedded(base: string, fine: string, domain: Domain): BeyondPair {
  const folder = fileURLToPath(new URL("../../../data/checkpoints/", import.meta.url));
  return {
    name: `${base} → ${fine}`,
    base: folder + base,
    fine: folder + fine,
    domain,
    texts: embeddedPairTexts(domain),
  };
}
