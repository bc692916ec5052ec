/**
 * The options that methods bring: their names, their variants and their settings. A setting's flag, help,
 * bounds and default are its schema's; one that several methods have is one option. What was not given is
 * left to the method.
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type AnySetting,
  describeSetting,
  findMethod,
  type MethodChoice,
  methods,
  OptionError,
  type SettingValue,
} from "../lib/mod.ts";

/** Adds the options of every method that there is now, for a command that takes one method. */
export function withMethodOptions(command: Command): Command {
  const option = new Option("--method <name>", `how the stored numbers are found: ${summaries()}`);
  const variant = new Option("--variant <name>", `a form of the method; default: ${firstForms()}`);
  command.addOption(option.choices(methods.map(({ name }) => name)).makeOptionMandatory());
  return withSettings(command.addOption(variant.choices(allVariants())));
}

/** As {@linkcode withMethodOptions}, for a command that takes several. */
export function withMethodsOptions(command: Command, usual: readonly string[]): Command {
  const names = methods.map(({ name }) => name);
  const option = new Option("--methods <names...>", `in this order: ${summaries()}`);
  const variant = new Option(
    "--variant <names...>",
    `forms of those methods that have them; default: ${firstForms()}`,
  );
  command.addOption(option.choices(names).default([...usual]));
  return withSettings(command.addOption(variant.choices(allVariants())));
}

/**
 * The methods that a command was given, each in each of the variants that were asked for and that it has,
 * with the settings that are its own.
 *
 * @throws {OptionError} if a variant or a setting was given that none of the methods has, or a value does
 * not fit its method.
 */
export function chosenMethods(command: Command): MethodChoice[] {
  const given = command.opts();
  const chosen = [given.methods ?? given.method].flat().map((name: string) => findMethod(name));
  const variants: string[] = [given.variant ?? []].flat();
  for (const variant of variants) {
    if (chosen.some((each) => Object.hasOwn(each.variants, variant))) continue;
    const own = [...new Set(chosen.flatMap((each) => Object.keys(each.variants)))];
    throw foreign("variant", chosen, "--variant", variant, own);
  }
  const texts = new Map(
    settingNames().flatMap((name) => {
      const text = command.getOptionValue(optionOf(name).attributeName());
      return text === undefined ? [] : [[name, text as string] as const];
    }),
  );
  for (const [name, text] of texts) {
    if (chosen.some(({ settings }) => Object.hasOwn(settings, name))) continue;
    const own = [...new Set(chosen.flatMap(({ settings }) => Object.keys(settings)))];
    throw foreign("setting", chosen, flag(name), text, own.map(flag));
  }
  return chosen.flatMap(({ name: method, settings: schema, variants: own }) => {
    const ownTexts = [...texts].filter(([name]) => Object.hasOwn(schema, name));
    const settings = Object.fromEntries(
      ownTexts.map(([name, text]) => [name, settingOf(schema[name], text, flag(name), method)]),
    );
    const forms = variants.filter((each) => Object.hasOwn(own, each));
    return forms.length === 0
      ? [{ method, settings }]
      : forms.map((variant) => ({ method, variant, settings }));
  });
}

function withSettings(command: Command): Command {
  for (const name of settingNames()) command.addOption(optionOf(name));
  return command;
}

/** Names of the settings of all methods, each once. */
function settingNames(): string[] {
  return [...new Set(methods.flatMap(({ settings }) => Object.keys(settings)))];
}

function optionOf(name: string): Option {
  const owners = methods.filter(({ settings }) => Object.hasOwn(settings, name));
  const settings: AnySetting[] = owners.map((each) => each.settings[name]);
  const kind = settings[0].kind === "choice" ? "choice" : "number";
  const help = owners.map((owner, index) => {
    const { help, default: usual } = settings[index];
    const choices = settings[index].kind === "choice"
      ? ` (${describeSetting(settings[index])})`
      : "";
    return `${owner.name}: ${help}${choices}; default: ${usual}`;
  });
  return new Option(`${flag(name)} <${kind}>`, help.join("; ")).argParser((text) => {
    if (settings.some((setting) => valueOf(setting, text) !== undefined)) return text;
    throw new InvalidArgumentError(`expected ${settings.map(describeSetting).join(" or ")}.`);
  });
}

function settingOf(
  setting: AnySetting,
  text: string,
  option: string,
  method: string,
): SettingValue {
  const value = valueOf(setting, text);
  if (value !== undefined) return value;
  const problem = `does not fit method '${method}'`;
  throw new OptionError({ problem, option, value: text, expected: describeSetting(setting) });
}

/** What a text says as a setting's value; `undefined` if it may not be that. */
function valueOf(setting: AnySetting, text: string): SettingValue | undefined {
  if (setting.kind === "choice") return setting.values.find((each) => String(each) === text);
  const form = setting.kind === "number" ? /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i : /^-?\d+$/;
  const number = Number(text);
  const fits = form.test(text) && number >= setting.minimum && number <= setting.maximum;
  return fits ? number : undefined;
}

/** `learningRate`: `--learning-rate`. */
function flag(setting: string): string {
  return `--${setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function summaries(): string {
  return methods.map(({ name, summary }) => `${name}, ${summary}`).join("; ");
}

function allVariants(): string[] {
  return [...new Set(methods.flatMap(({ variants }) => Object.keys(variants)))];
}

function firstForms(): string {
  const first = methods.flatMap(({ name, variants }) => {
    const [form] = Object.keys(variants);
    return form === undefined ? [] : [`${form} of ${name}`];
  });
  return first.join(", ");
}

function foreign(
  what: string,
  chosen: readonly { readonly name: string }[],
  option: string,
  value: string,
  own: readonly string[],
): OptionError {
  const names = chosen.map(({ name }) => `'${name}'`).join(", ");
  const problem = chosen.length > 1
    ? `is no ${what} of any of the methods ${names}`
    : `is no ${what} of method ${names}`;
  const expected = own.length > 0 ? own.join(", ") : `none: there are no ${what}s of it`;
  return new OptionError({ problem, option, value, expected });
}
