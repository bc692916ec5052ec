/** RMSNorm and its learned weight as one op: one pass over the rows where two would follow each other. */

import { requireShapes, sameShape, type Value } from "../../../graph/graph.ts";
import type { KernelRule } from "../kernel.ts";
import { rmsNormalized } from "../kernels/rms_normalize.ts";
import { fusedOp } from "./op.ts";
import type { RewriteRule } from "./rewrite.ts";

/** x̂ ∘ w, with x̂ = `rmsNormalize(x, epsilon)` `[tokens, features]` and a weight `[features]`. */
export function rmsNormalizeScaled(x: Value, weight: Value, epsilon: number): Value {
  requireShapes(
    sameShape(weight.shape, x.shape.slice(-1)),
    "rmsNormalizeScaled",
    [x, weight],
    "a weight for each feature",
  );
  return fusedOp("rmsNormalizeScaled", [x, weight], x.shape, { epsilon });
}

/** The WGSL of the op above. */
export const rmsNormRules: Readonly<Record<string, KernelRule>> = {
  rmsNormalizeScaled: (builder, [x, weight], { attributes }) =>
    rmsNormalized(builder, x, attributes.epsilon as number, weight),
};

/**
 * x̂ ∘ w becomes one op where w is a weight for each feature and nothing else reads x̂. Where w is trained
 * its gradient does, and both stay.
 */
export const fuseRmsNorm: RewriteRule = (value, usersOf) => {
  if (value.operation !== "multiply") return null;
  const [normalized, weight] = value.inputs;
  if (normalized.operation !== "rmsNormalize" || usersOf(normalized).length > 1) return null;
  if (!sameShape(weight.shape, normalized.shape.slice(-1))) return null;
  const { epsilon } = normalized.attributes;
  return rmsNormalizeScaled(normalized.inputs[0], weight, epsilon as number);
};
