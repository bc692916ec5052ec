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
  /**
   * Whether it is measured on every calibration text, of every size and by every seed; others on general text of one
   * size, by few seeds.
   */
  readonly isKey?: boolean;
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

/** Everything that is measured, in the order of tables: the study's, what goes beyond it, then what others do. */
export const beyondModels: readonly BeyondModel[] = [
  { method: "initial" },
  { method: "distilled", settings: { steps: 200 }, isKey: true },
  { method: "activation-aware", isKey: true, isCrossed: true },
  { method: "row-column" },
  { method: "refined-signs" },
  { method: "double-binary" },
  { method: "activation-aware+", isKey: true, isCrossed: true },
  { method: "distilled-vectors" },
  { method: "ternary" },
  { method: "ternary", variant: "mean" },
  { method: "signs-and-low-rank" },
  { method: "low-rank" },
  { method: "low-rank", variant: "plain" },
  { method: "random-signs" },
  { method: "lossless" },
  { method: "dare" },
  { method: "compeft" },
  { method: "compeft", variant: "one deviation" },
  { method: "mixed-precision-svd" },
  { method: "round-to-nearest" },
  { method: "gptq", isCrossed: true },
  { method: "bitdelta-on-quantised-base" },
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
