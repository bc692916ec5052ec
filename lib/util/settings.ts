/**
 * Settings as data: names, kinds, defaults, bounds and help, from which options of scripts, parameters of
 * notebooks and keys of measurements follow. Not here: command lines (`scripts/`), notebooks.
 */

import { OptionError } from "./errors.ts";

/** What a setting may be. */
export type SettingValue = string | number | boolean;

/** Settings by name. */
export type Settings = Readonly<Record<string, SettingValue>>;

/** A number, whole or not, between bounds. */
export interface NumberSetting {
  /** Which kind of number. */
  readonly kind: "whole number" | "number";
  /** Where nothing else is said. */
  readonly default: number;
  /** Least that it may be. */
  readonly minimum: number;
  /** Most that it may be. */
  readonly maximum: number;
  /** One line, in lower case and without a full stop: what it is, with its unit. */
  readonly help: string;
}

/** One of a few values. */
export interface ChoiceSetting<T extends SettingValue> {
  /** That it is one. */
  readonly kind: "choice";
  /** Where nothing else is said. */
  readonly default: T;
  /** All that it may be. */
  readonly values: readonly T[];
  /** As in {@linkcode NumberSetting}. */
  readonly help: string;
}

/** A setting of any type. */
export type AnySetting = NumberSetting | ChoiceSetting<SettingValue>;

/** One setting of the type `T`. */
export type Setting<T extends SettingValue> = SettingValue extends T ? AnySetting
  : number extends T ? NumberSetting
  : ChoiceSetting<T>;

/** Every setting of `S`, in the order in which a person reads them. */
export type Schema<S extends Settings> = { readonly [Name in keyof S]: Setting<S[Name]> };

/**
 * The settings of a schema, with defaults where nothing is given.
 *
 * @param given a setting that is absent or `undefined` has its default.
 * @param subject whose settings they are, for errors: `"method 'distilled'"`.
 * @throws {OptionError} if a setting is none of the schema's, or not what the schema says.
 *
 * @example
 * ```ts
 * import { completeSettings, OptionError, type Schema } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const schema: Schema<{ rank: number }> = {
 *   rank: { kind: "whole number", default: 8, minimum: 1, maximum: 64, help: "kept values" },
 * };
 * assert.deepEqual(completeSettings(schema, {}, "method 'toy'"), { rank: 8 });
 * assert.throws(() => completeSettings(schema, { rank: 65 }, "method 'toy'"), OptionError);
 * ```
 */
export function completeSettings<S extends Settings>(
  schema: Schema<S>,
  given: Readonly<Record<string, unknown>>,
  subject: string,
): S {
  const names = Object.keys(schema);
  const strange = Object.keys(given).find((name) => !Object.hasOwn(schema, name));
  if (strange !== undefined) {
    throw new OptionError({
      problem: `is no setting of ${subject}`,
      option: strange,
      value: given[strange],
      expected: names.length > 0 ? names.join(", ") : "none: it has no settings",
    });
  }
  const complete = names.map((name) => {
    const setting: AnySetting = schema[name];
    const value = given[name] === undefined ? setting.default : given[name];
    if (!fits(setting, value)) {
      const problem = `does not fit ${subject}`;
      throw new OptionError({ problem, option: name, value, expected: describeSetting(setting) });
    }
    return [name, value] as const;
  });
  // Each value was held to its setting, which the compiler cannot see through the names.
  return Object.fromEntries(complete) as S;
}

/**
 * What a setting may be, for a person: `"a whole number from 1 to 100"`.
 *
 * @example
 * ```ts
 * import { describeSetting, type Schema } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const schema: Schema<{ rank: number }> = {
 *   rank: { kind: "whole number", default: 8, minimum: 1, maximum: 64, help: "kept values" },
 * };
 * assert.equal(describeSetting(schema.rank), "a whole number from 1 to 64");
 * ```
 */
export function describeSetting(setting: AnySetting): string {
  if (setting.kind === "choice") return setting.values.join(", ");
  return `a ${setting.kind} from ${setting.minimum} to ${setting.maximum}`;
}

function fits(setting: AnySetting, value: unknown): boolean {
  if (setting.kind === "choice") return setting.values.some((each) => each === value);
  if (typeof value !== "number" || !(value >= setting.minimum && value <= setting.maximum)) {
    return false;
  }
  return setting.kind === "number" || Number.isSafeInteger(value);
}
