/**
 * Values of parameters: read off a default that is written out, and from a text in the type of that
 * default. No number is changed on the way: one that JavaScript cannot hold is refused.
 */

import type { Expression } from "acorn";
import { OptionError } from "../util/errors.ts";

/** A value that can be written out: JSON's, and integers of any size as `5n`. */
export type Literal = null | boolean | number | bigint | string | Literal[] | LiteralObject;
interface LiteralObject {
  [name: string]: Literal;
}

/** The value of an expression that is written out; of an object, as much of it as is. */
export function literalOf(expression: Expression | null | undefined): Literal | undefined {
  switch (expression?.type) {
    case "Literal":
      return expression.value instanceof RegExp ? undefined : expression.value;
    case "TemplateLiteral":
      return expression.expressions.length > 0
        ? undefined
        : expression.quasis[0].value.cooked ?? undefined;
    case "UnaryExpression": {
      const value = literalOf(expression.argument);
      if (typeof value !== "number" && typeof value !== "bigint") return;
      if (expression.operator === "-") return -value;
      return expression.operator === "+" ? value : undefined;
    }
    case "ArrayExpression": {
      const values = expression.elements.map((element) =>
        element?.type === "SpreadElement" ? undefined : literalOf(element)
      );
      return values.includes(undefined) ? [] : values as Literal[];
    }
    case "ObjectExpression":
      return Object.fromEntries(expression.properties.flatMap((property) => {
        if (property.type === "SpreadElement" || property.computed) return [];
        const { key, value } = property;
        const name = key.type === "Identifier" ? key.name : literalOf(key as Expression);
        const literal = literalOf(value as Expression);
        return literal === undefined ? [] : [[String(name), literal] as const];
      }));
  }
}

/**
 * Reads a value in the type of a default: a text, a number, a truth value, a list (of one type, where the
 * default's entries are of one) or an object. Without a default, or where it is `null`, as JSON, and as a
 * text where it is not JSON.
 *
 * @param name of the parameter, for errors.
 * @param file of the notebook, for errors.
 * @throws {OptionError} if it is of another type, an integer beyond 2⁵³ or a number beyond all bounds.
 */
export function readValue(
  text: string,
  { name, literal }: { name: string; literal?: Literal },
  file: string,
): Literal {
  const refuse = (problem: string, expected: string, value = text) => {
    throw new OptionError({ problem, file, option: name, value, expected });
  };
  const held = (written: string): number => {
    const number = Number(written);
    if (!Number.isFinite(number) || (/^[+-]?\d+$/.test(written) && !Number.isSafeInteger(number))) {
      refuse(
        "is no number that can be held",
        "a number within ±2⁵³, or with a fraction or exponent",
        written,
      );
    }
    return number;
  };
  const type = literal === undefined || literal === null ? undefined : typeOf(literal);
  if (type === "a number" && NUMBER.test(text)) return held(text);
  if (type === "an integer with n" && /^-?\d+n?$/.test(text)) return BigInt(text.replace("n", ""));
  if (type === "a text" && !text.startsWith('"')) return text;
  let value: Literal = text;
  try {
    value = parse(text, held);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Not JSON: a text.
  }
  if (type === undefined) return value;
  if (type === "a text") return typeof value === "string" ? value : text;
  if (typeOf(value) === type || (Array.isArray(literal) && isListOf(literal, value))) return value;
  return refuse(`of another type than its default ${sourceOf(literal!)}`, type) as never;
}

/** A value as a cell writes it. */
export function sourceOf(value: Literal): string {
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  const json = JSON.stringify(value, (_, part) => typeof part === "bigint" ? `${part}n` : part);
  // As it stands this key would set the prototype; a quote within a text has a backslash before it.
  return json.replaceAll(/(?<!\\)"__proto__":/g, '["__proto__"]:');
}

/** A number as a person writes one. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** JSON whose numbers are read by `held`, from what was written. */
function parse(text: string, held: (written: string) => number): Literal {
  const reviver = (_: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" ? held(context!.source!) : value;
  // Types do not know the third argument yet.
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}

function typeOf(value: Literal): string {
  if (value === null) return "null";
  if (Array.isArray(value)) {
    const types = new Set(value.map(typeOf));
    return types.size === 1 ? `a list, each ${[...types][0]}` : "a list";
  }
  const types = {
    bigint: "an integer with n",
    boolean: "true or false",
    number: "a number",
    string: "a text",
    object: "an object",
  };
  return types[typeof value as keyof typeof types];
}

/** A list is of a default's type if it is empty, or the default's entries are of no one type. */
function isListOf(literal: Literal[], value: Literal): boolean {
  return Array.isArray(value) && (value.length === 0 || typeOf(literal) === "a list");
}
