/** `mean`: the mean of all elements. */

import { elementCount, type Value } from "../graph.ts";
import { scaleBy } from "./scale_by.ts";
import { sumTo } from "./sum_to.ts";

/** Σx / n over all n elements, a scalar. */
export function mean(x: Value): Value {
  return scaleBy(sumTo(x, []), 1 / elementCount(x.shape));
}
