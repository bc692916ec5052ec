/** How models of this study look: as their methods do in every figure, models of one method apart by what tells them. */

import { legendGroups, modelLook, modelsOf } from "../../../figures/models.ts";
import type { SeriesLook } from "../../../figures/style.ts";
import type { BeyondModelResult } from "../results.ts";

/** Models of one method and variant, whose points one line joins. */
export interface BeyondSeries {
  /** Of the method in this variant. */
  readonly look: SeriesLook;
  /** At least one. */
  readonly models: readonly BeyondModelResult[];
}

/** Models by method and variant, in the order of legends. */
export function seriesOf(models: readonly BeyondModelResult[]): BeyondSeries[] {
  return modelsOf(models).map(({ method, variant }) => ({
    look: modelLook({ method, variant }),
    models: models.filter((each) => each.method === method && each.variant === variant),
  }));
}

/** Labels of a legend, those of one method together. */
export function groupsOf(models: readonly BeyondModelResult[]): string[][] {
  return legendGroups(modelsOf(models));
}
