/** Fuses RMSNorm and its learned weight: one pass over the rows where two would follow each other. */

import { sameShape } from "../../../graph/graph.ts";
import { normalizeAndScale } from "../../../graph/ops/normalize.ts";
import type { RewriteRule } from "./rewrite.ts";

/**
 * x̂ ∘ w becomes one op where w is a weight for each feature and nothing else reads x̂. Where w is trained
 * its gradient does, and both stay.
 */
export const fuseRmsNorm: RewriteRule = (value, usersOf) => {
  if (value.operation !== "multiply") return null;
  const [normalized, weight] = value.inputs;
  if (normalized.operation !== "rmsNormalize" || usersOf(normalized).length > 1) return null;
  if (!sameShape(weight.shape, normalized.shape.slice(-1))) return null;
  const { epsilon } = normalized.rules.attributes!;
  return normalizeAndScale(normalized.inputs[0], weight, epsilon as number);
};
