/** `meanSquaredError`: the distillation loss of BitDelta. */

import type { Value } from "../graph.ts";
import { mean } from "./mean.ts";
import { multiply } from "./multiply.ts";
import { subtract } from "./subtract.ts";

/** mean((a − b)²) over all elements, a scalar. */
export function meanSquaredError(a: Value, b: Value): Value {
  const difference = subtract(a, b);
  return mean(multiply(difference, difference));
}
