/**
 * How models of this study look: as their methods do in every figure. Models that differ in numbers alone are points of
 * one line; those of one method that differ otherwise have a line each, told apart by name and marker.
 */

import { modelLook, modelsOf } from "../../../figures/models.ts";
import { markers, type SeriesLook } from "../../../figures/style.ts";
import { canonical } from "../../../util/canonical.ts";
import type { BeyondModelResult } from "../results.ts";

/** Models that one line joins. */
export interface BeyondSeries {
  /** Its method. */
  readonly method: string;
  /** Of the method in its variant. */
  readonly look: SeriesLook;
  /** Whether a model is of it, on any pair. */
  has(model: BeyondModelResult): boolean;
}

/** The lines of some models, in the order of legends. */
export function seriesOf(models: readonly BeyondModelResult[]): BeyondSeries[] {
  const taken = new Set(modelsOf(models).map((model) => modelLook(model).marker));
  return modelsOf(models).flatMap(({ method, variant }) => {
    const look = modelLook({ method, variant });
    const isOfIt = (each: BeyondModelResult) => each.method === method && each.variant === variant;
    const families = [...Map.groupBy(models.filter(isOfIt), choicesKey).entries()];
    return families.map(([key, [model]], index): BeyondSeries => {
      const marker = index === 0
        ? look.marker
        : markers.find((each) => !taken.has(each)) ?? look.marker;
      taken.add(marker);
      const differing = Object.entries(choicesOf(model)).filter(([name, value]) =>
        families.some(([, [other]]) => choicesOf(other)[name] !== value)
      );
      const told = differing.map(([name, value]) => `${name} ${value}`).join(", ");
      return {
        method,
        look: { ...look, marker, label: told === "" ? look.label : `${look.label}, ${told}` },
        has: (each) => isOfIt(each) && choicesKey(each) === key,
      };
    });
  });
}

/** Labels of a legend, those of one method together. */
export function groupsOf(series: readonly BeyondSeries[]): string[][] {
  const groups = Map.groupBy(series, ({ method }) => method);
  return [...groups.values()].map((group) => group.map(({ look }) => look.label));
}

/** Settings of a model that are no numbers. */
function choicesOf({ settings }: BeyondModelResult): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(settings!).filter(([, value]) => typeof value !== "number"),
  );
}

function choicesKey(model: BeyondModelResult): string {
  return canonical(choicesOf(model));
}
