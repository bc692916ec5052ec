/**
 * Parameters that are a method: an object that names one, with its variant and settings, such as
 * `{ method: "toy", settings: { rows: 256 } }`. A value in its place is held to the settings of the method
 * that it names, before a kernel is started.
 */

import type { MethodChoice } from "../methods/method.ts";
import { resolveMethod } from "../methods/mod.ts";
import { OptionError } from "../util/errors.ts";
import type { Literal } from "./parameter_value.ts";

/** What a choice of a method may have. */
const FIELDS = ["method", "variant", "settings"];

/** Whether a parameter's default is a method. */
export function isMethodParameter(literal: Literal | undefined): boolean {
  return isObject(literal) && typeof literal.method === "string" &&
    Object.keys(literal).every((field) => FIELDS.includes(field));
}

/**
 * Reads a method as a text has it: its name alone, or JSON.
 *
 * @param name of the parameter, for errors.
 * @param file of the notebook, for errors.
 * @throws {OptionError} if there is no such method, variant or setting, or a value does not fit.
 */
export function readMethod(text: string, name: string, file: string): Literal {
  const value = text.trimStart().startsWith("{") ? parsed(text) : { method: text };
  if (!isMethodParameter(value)) {
    throw new OptionError({
      problem: "is no method",
      file,
      option: name,
      value: text,
      expected: 'the name of a method, or {"method": …, "variant": …, "settings": {…}}',
    });
  }
  try {
    resolveMethod(value as unknown as MethodChoice);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError({ ...error.fault, file, option: `${name}: ${error.fault.option}` });
  }
  return value!;
}

function parsed(text: string): Literal | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: Literal | undefined): value is { [name: string]: Literal } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
