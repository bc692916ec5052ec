/** Points for a logarithmic axis: those of what is not the fine-tune itself, whose distance from it is zero. */

import type { CurvePoint } from "../../../figures/series.ts";

/** The points above zero; an interval that reaches it is cut to its value. */
export function aboveZero(points: readonly CurvePoint[]): CurvePoint[] {
  return points.filter(({ x, y }) => x > 0 && y > 0)
    .map((point) => point.low === null || point.low > 0 ? point : { ...point, low: point.y });
}
