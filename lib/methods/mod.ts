/**
 * Every method, and one of them with its settings chosen.
 *
 * A method is one file beside this one and one line here. Nothing else in the library names one.
 */

import { OptionError } from "../util/errors.ts";
import { completeSettings, type Settings } from "../util/settings.ts";
import { activationAware } from "./activation_aware.ts";
import { activationAwarePlus } from "./activation_aware_plus.ts";
import { bitAllocation } from "./bit_allocation.ts";
import { bitdeltaOnQuantisedBase } from "./bitdelta_on_quantised_base.ts";
import { compeft } from "./compeft.ts";
import { dare } from "./dare.ts";
import { distilled } from "./distilled.ts";
import { doubleBinary } from "./double_binary.ts";
import { distilledVectors } from "./distilled_vectors.ts";
import { gptq } from "./gptq.ts";
import { initial } from "./initial.ts";
import { losslessDelta } from "./lossless.ts";
import { mixedPrecisionSvd } from "./mixed_precision_svd.ts";
import { lowRankDelta } from "./low_rank.ts";
import { randomSigns } from "./random_signs.ts";
import { signsAndLowRank } from "./signs_and_low_rank.ts";
import { ternaryDelta } from "./ternary.ts";
import { type Method, type MethodChoice, seesInputs } from "./method.ts";
import { refinedSigns } from "./refined_signs.ts";
import { roundToNearest } from "./round_to_nearest.ts";
import { rowColumn } from "./row_column.ts";

/** All methods, in the order of legends. A method that is added here at run time is one like the others. */
export const methods: Method[] = [
  activationAware,
  distilled,
  initial,
  activationAwarePlus,
  distilledVectors,
  lowRankDelta,
  mixedPrecisionSvd,
  signsAndLowRank,
  ternaryDelta,
  losslessDelta,
  dare,
  compeft,
  randomSigns,
  rowColumn,
  refinedSigns,
  doubleBinary,
  roundToNearest,
  bitAllocation,
  gptq,
  bitdeltaOnQuantisedBase,
];

/** A method with all that a run of it depends on. */
export interface ResolvedMethod {
  /** The method. */
  readonly method: Method;
  /** Name of its variant; `null` for a method of one form. */
  readonly variant: string | null;
  /** All of its settings. */
  readonly settings: Settings;
}

/**
 * The method of a name.
 *
 * @throws {OptionError} if there is none.
 *
 * @example
 * ```ts
 * import { findMethod, OptionError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(findMethod("activation-aware").sweep, "rows");
 * assert.throws(() => findMethod("magic"), OptionError);
 * ```
 */
export function findMethod(name: string): Method {
  const found = methods.find((method) => method.name === name);
  if (found) return found;
  throw new OptionError({
    problem: "names no method",
    option: "method",
    value: name,
    expected: methods.map((method) => method.name).join(", "),
  });
}

/**
 * A choice with everything in it: given settings over the variant's, and those over the method's defaults.
 *
 * @throws {OptionError} if there is no such method, variant or setting, or a value does not fit.
 *
 * @example
 * ```ts
 * import { OptionError, resolveMethod } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { variant, settings } = resolveMethod({ method: "distilled", settings: { steps: 9 } });
 * assert.equal(variant, "corrected");
 * assert.equal(settings.steps, 9);
 * assert.throws(() => resolveMethod({ method: "initial", settings: { steps: 9 } }), OptionError);
 * ```
 */
export function resolveMethod(choice: MethodChoice): ResolvedMethod {
  const method = findMethod(choice.method);
  const variant = chosenVariant(method, choice.variant);
  const given = { ...variant === null ? {} : method.variants[variant], ...choice.settings };
  const settings = completeSettings(method.settings, given, `method '${method.name}'`);
  return { method, variant, settings };
}

/**
 * Whether a method looks at calibration text with the settings of a choice, and not at weights alone.
 *
 * @throws {OptionError} as {@linkcode resolveMethod}.
 *
 * @example
 * ```ts
 * import { readsText } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.ok(readsText({ method: "distilled" }));
 * assert.ok(!readsText({ method: "initial" }));
 * ```
 */
export function readsText(choice: MethodChoice): boolean {
  const { method, settings } = resolveMethod(choice);
  return method.kind !== "closed form" || seesInputs(method, settings);
}

/**
 * The choices whose deltas a method's own is made from: where one that trains starts, and what another compares;
 * none of a closed form.
 *
 * @throws {OptionError} as {@linkcode resolveMethod}.
 *
 * @example
 * ```ts
 * import { madeFrom } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [start] = madeFrom({ method: "distilled" });
 * assert.equal(start.method, "initial");
 * assert.deepEqual(madeFrom({ method: "initial" }), []);
 * ```
 */
export function madeFrom(choice: MethodChoice): readonly MethodChoice[] {
  const { method, settings } = resolveMethod(choice);
  if (method.kind === "closed form") return [];
  return method.kind === "trained" ? [method.start(settings)] : method.candidates(settings);
}

/**
 * A choice for a person: its variant, and the settings that the variant leaves open or that differ from it.
 *
 * @throws {OptionError} as {@linkcode resolveMethod}.
 *
 * @example
 * ```ts
 * import { describeMethod } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const described = describeMethod({ method: "distilled", settings: { steps: 9 } });
 * assert.equal(described, "distilled (corrected, steps 9, batch 4)");
 * ```
 */
export function describeMethod(choice: MethodChoice): string {
  const { method, variant, settings } = resolveMethod(choice);
  const usual = variant === null ? {} : method.variants[variant];
  const told = Object.entries(settings).filter(([name, value]) => usual[name] !== value)
    .map(([name, value]) => `${name} ${value}`);
  const parts = [...variant === null ? [] : [variant], ...told];
  return parts.length > 0 ? `${method.name} (${parts.join(", ")})` : method.name;
}

function chosenVariant(method: Method, variant: string | undefined): string | null {
  const names = Object.keys(method.variants);
  if (variant === undefined) return names[0] ?? null;
  if (names.includes(variant)) return variant;
  throw new OptionError({
    problem: `is no variant of method '${method.name}'`,
    option: "variant",
    value: variant,
    expected: names.length > 0 ? names.join(", ") : "none: it has one form",
  });
}
