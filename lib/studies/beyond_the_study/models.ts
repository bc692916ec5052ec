/**
 * The models that the study measures, as data: which method, in which form, and how much of the protocol it gets.
 * What a method's settings mean stands with the method.
 */

import { methods } from "../../methods/mod.ts";
import { completeSettings, type SettingValue } from "../../util/settings.ts";

/** One form of a method. */
export interface BeyondModel {
  /** Name of the method. */
  readonly method: string;
  /** One of its variants; default: its first. */
  readonly variant?: string;
  /** Settings that differ from those of the variant and of the protocol. */
  readonly settings?: Readonly<Record<string, SettingValue>>;
  /** Seeds of calibration text at the size and text where all models stand: the first so many of the protocol's. */
  readonly seeds: number;
  /** The same at every other size, and at every other kind of text; default: it is not measured there. */
  readonly around?: number;
  /** Whether it takes tens of seconds, and is left out of a look in little. */
  readonly isCostly?: boolean;
  /** Whether it is measured on scaled deltas too. */
  readonly isCrossed?: boolean;
}

/** The methods that verdicts and headlines are about, by their part in the study. */
export const beyondMethods = {
  start: "initial",
  standard: "distilled",
  proposed: "activation-aware",
  flagship: "activation-aware+",
  quantised: "gptq",
} as const;

/**
 * Everything that is measured, in the order of tables: the study's, what goes beyond it, then what others do. How many
 * seeds each has follows from what it costs: the whole is to take 20 minutes on two cores.
 */
export const beyondModels: readonly BeyondModel[] = [
  { method: "initial", seeds: 1 },
  { method: "distilled", settings: { steps: 200 }, seeds: 3, around: 1 },
  { method: "activation-aware", seeds: 5, around: 5, isCrossed: true },
  { method: "row-column", seeds: 2 },
  { method: "refined-signs", seeds: 2 },
  { method: "refined-signs", variant: "gptq", seeds: 1 },
  { method: "refined-signs", settings: { masks: 2 }, seeds: 1 },
  { method: "double-binary", settings: { bits: 0.5 }, seeds: 1, isCostly: true },
  { method: "double-binary", seeds: 1, isCostly: true },
  { method: "double-binary", settings: { bits: 2 }, seeds: 1, isCostly: true },
  { method: "activation-aware+", seeds: 3, isCrossed: true, isCostly: true },
  { method: "activation-aware+", variant: "light", seeds: 5, around: 2, isCrossed: true },
  { method: "distilled-vectors", seeds: 1, isCostly: true },
  { method: "distilled-vectors", settings: { start: "refined-signs" }, seeds: 1 },
  { method: "ternary", seeds: 1 },
  { method: "ternary", variant: "mean", seeds: 1 },
  { method: "signs-and-low-rank", seeds: 2 },
  { method: "low-rank", seeds: 2 },
  { method: "low-rank", variant: "plain", seeds: 1 },
  { method: "random-signs", seeds: 1 },
  { method: "lossless", seeds: 1 },
  { method: "dare", seeds: 1 },
  { method: "compeft", seeds: 1 },
  { method: "compeft", variant: "one deviation", seeds: 1 },
  { method: "mixed-precision-svd", seeds: 2 },
  { method: "round-to-nearest", seeds: 1, isCrossed: true },
  { method: "round-to-nearest", variant: "8-bit", seeds: 1 },
  { method: "gptq", seeds: 2, isCrossed: true },
  { method: "bitdelta-on-quantised-base", seeds: 1 },
  { method: "bitdelta-on-quantised-base", variant: "4-bit gptq", seeds: 2 },
];

/** The models whose methods are in the list of methods, and the names of those that are not. */
export function listedModels(
  models: readonly BeyondModel[],
): { readonly listed: readonly BeyondModel[]; readonly missing: readonly string[] } {
  const isListed = ({ method }: BeyondModel) => methods.some(({ name }) => name === method);
  const missing = models.filter((each) => !isListed(each)).map(({ method }) => method);
  return { listed: models.filter(isListed), missing: [...new Set(missing)] };
}

/** What a reader tells a model of a method from its others by: `"double-binary (bits 0.5)"`. */
export function modelLabel(
  { method: name, variant, settings }: {
    readonly method: string;
    readonly variant: string | null;
    readonly settings: Readonly<Record<string, SettingValue>>;
  },
  given: Readonly<Record<string, SettingValue>>,
): string {
  const method = methods.find((each) => each.name === name)!;
  const [first] = Object.keys(method.variants);
  const ofVariant = variant === null ? {} : method.variants[variant];
  const usual = completeSettings(
    method.settings,
    { ...ofVariant, ...ownSettings(name, given) },
    name,
  );
  const told = Object.entries(settings).filter(([setting, value]) => usual[setting] !== value)
    .map(([setting, value]) =>
      typeof value === "boolean" ? yesOrNo(setting, value) : `${setting} ${value}`
    );
  const parts = [...variant === null || variant === first ? [] : [variant], ...told];
  return parts.length > 0 ? `${name} (${parts.join(", ")})` : name;
}

/** Of a protocol's settings those that a method has. */
export function ownSettings(
  name: string,
  given: Readonly<Record<string, SettingValue>>,
): Record<string, SettingValue> {
  const { settings } = methods.find((each) => each.name === name)!;
  return Object.fromEntries(
    Object.entries(given).filter(([setting]) => Object.hasOwn(settings, setting)),
  );
}

const yesOrNo = (setting: string, value: boolean) => value ? setting : `not ${setting}`;
