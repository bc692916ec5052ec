/**
 * The models that figures and tables show: a pair's own two, and what methods make of the base. Their order,
 * their looks, and rows of them as series. Everything follows from the list of methods as it is when a figure
 * is drawn; no method is known here by name.
 */

import type { Look, Method } from "../methods/method.ts";
import { methods } from "../methods/mod.ts";
import { ReportError } from "./figure.ts";
import { baseGrey, type Dash, markers, palette, type SeriesLook } from "./style.ts";

/** Which model: of the pair itself, or a method's in one of its variants. */
export interface ModelName {
  /** `"base"`, `"fine"`, or the name of a method. */
  readonly method: string;
  /** `null` for a model of one form, and for a method of which no variant is told. */
  readonly variant: string | null;
}

/** A pair's own two, which stand around what is compared. */
const ownLooks: ReadonlyMap<string, SeriesLook> = new Map<string, SeriesLook>([
  ["fine", {
    label: "fine-tune",
    colour: "#000000",
    dash: "solid",
    marker: "diamond",
    open: false,
  }],
  ["base", { label: "base", colour: baseGrey, dash: "dot", marker: "x", open: false }],
]);

/** Lines of variants that are not a method's first, by their order. */
const otherDashes: readonly Dash[] = ["dash", "dot", "longdash", "longdashdot"];

/** Whether a model is of the pair itself, rather than one that a method made. */
export function isOwnModel(method: string): boolean {
  return ownLooks.has(method);
}

/**
 * The look of a model, the same in every figure. The variant that a method takes by default is dark, solid and
 * full; others, and one that is not told, are light, dashed and open.
 *
 * @throws {ReportError} if the list has no such method, the method no such variant, or its look is of no hue or
 * marker that there is.
 */
export function modelLook({ method: name, variant }: ModelName): SeriesLook {
  const method = listed(name, variant);
  if (method === null) return ownLooks.get(name)!;
  const { hue, marker } = method.look;
  checkLook(name, "hue", hue, Object.keys(palette));
  checkLook(name, "marker", marker, markers);
  const { light, dark } = palette[hue];
  const [first, ...others] = Object.keys(method.variants);
  if (first === undefined) {
    return { label: name, colour: dark, dash: "dashdot", marker, open: false };
  }
  const label = variant === null ? name : `${name}, ${variant}`;
  if (variant === first) return { label, colour: dark, dash: "solid", marker, open: false };
  const place = variant === null ? 0 : others.indexOf(variant);
  const dash = otherDashes[place % otherDashes.length];
  return { label, colour: light, dash, marker, open: true };
}

/** Methods of a notebook's own are checked by no compiler. */
function checkLook(name: string, part: keyof Look, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new ReportError({
    problem: `is no ${part} of figures`,
    option: `look of method '${name}'`,
    value,
    expected: known.join(", "),
  });
}

/** The method of a model; `null` for one of the pair itself. */
function listed(name: string, variant: string | null): Method | null {
  const method = isOwnModel(name) ? null : methods.find((each) => each.name === name);
  if (method === undefined) {
    throw new ReportError({
      problem: "names no model",
      option: "method",
      value: name,
      expected: [...ownLooks.keys(), ...methods.map((each) => each.name)].join(", "),
    });
  }
  const variants = Object.keys(method?.variants ?? {});
  if (variant === null || variants.includes(variant)) return method;
  throw new ReportError({
    problem: `is no variant of '${name}'`,
    option: "variant",
    value: variant,
    expected: variants.join(", ") || "none: it has one form",
  });
}

/** Models by what belongs together in a legend: a method's variants, and what has one form. */
function orderedGroups(): ModelName[][] {
  const [varied, plain] = [true, false].map((isVaried) =>
    methods.filter(({ variants }) => Object.keys(variants).length > 0 === isVaried)
  );
  const alone = ["fine", ...plain.map(({ name }) => name), "base"];
  return [
    ...varied.map(({ name: method, variants }) => {
      const [first, ...others] = Object.keys(variants);
      return [null, ...others, first].map((variant): ModelName => ({ method, variant }));
    }),
    alone.map((method): ModelName => ({ method, variant: null })),
  ];
}

/** Whether two names are of one model. */
export function isSameModel(a: ModelName, b: ModelName): boolean {
  return a.method === b.method && a.variant === b.variant;
}

/**
 * The models of some rows, each once, in the order that legends name them.
 *
 * @throws {ReportError} as {@linkcode modelLook}: no row is passed over.
 */
export function modelsOf(rows: readonly ModelName[]): ModelName[] {
  for (const { method, variant } of rows) listed(method, variant);
  return orderedGroups().flat().filter((model) => rows.some((row) => isSameModel(row, model)));
}

/** Labels of models by what belongs together in a legend, in their order. */
export function legendGroups(models: readonly ModelName[]): string[][] {
  return orderedGroups()
    .map((group) => group.filter((model) => models.some((each) => isSameModel(each, model))))
    .filter(({ length }) => length > 0)
    .map((group) => group.map((model) => modelLook(model).label));
}

/** The rows of one model, by rising x. */
export interface ModelSeries<Row> extends ModelName {
  /** Their look. */
  readonly look: SeriesLook;
  /** At least one. */
  readonly rows: readonly Row[];
}

/**
 * Groups rows of one pair into series, one a model, in the order that legends name them.
 *
 * @param x what a series is drawn against; `null` for a row that stands for all x
 * @param option what to call the rows in errors
 * @throws {ReportError} if there are no rows, rows of several pairs, two rows for one point, a row of a model
 * that is not in the list of methods, or a number in a row that is not finite.
 */
export function modelSeries<Row extends ModelName & { readonly pair: string }>(
  rows: readonly Row[],
  x: (row: Row) => number | null,
  option: string,
): ModelSeries<Row>[] {
  const pairs = new Set(rows.map(({ pair }) => pair));
  if (pairs.size !== 1) {
    throw new ReportError({
      problem: pairs.size === 0 ? "there is nothing to draw" : "a panel shows one pair",
      option,
      value: [...pairs],
      expected: "rows of exactly one pair",
    });
  }
  rows.forEach((row) => checkFinite(row, option));
  return modelsOf(rows).map((model) => {
    const own = rows.filter((row) => isSameModel(row, model));
    own.sort((a, b) => (x(a) ?? 0) - (x(b) ?? 0));
    own.forEach((row, index) => {
      if (index > 0 && x(row) === x(own[index - 1])) throw repeated(row, x(row), option);
    });
    return { ...model, look: modelLook(model), rows: own };
  });
}

function checkFinite(row: ModelName, option: string): void {
  for (const [field, value] of Object.entries(row)) {
    if (typeof value !== "number" || Number.isFinite(value)) continue;
    throw new ReportError({
      problem: `has a '${field}' of '${row.method}' that cannot be drawn`,
      option,
      value,
      expected: "finite numbers",
    });
  }
}

function repeated({ method, variant }: ModelName, x: number | null, option: string): ReportError {
  return new ReportError({
    problem: `two rows of '${method}'${variant ? `, '${variant}',` : ""} for one point`,
    option,
    value: x,
    expected: "one row a point",
  });
}
