/** Fuses XΔᵀ and X·sign(Δ)ᵀ, which closed-form calibrations compare, into one op that reads X and Δ once. */

import type { Value } from "../../../graph/graph.ts";
import { deltaProjections, signProjection } from "./delta_projections_op.ts";
import { isLinear } from "./linear.ts";
import { findOnce, type RewriteRule } from "./rewrite.ts";

/**
 * Puts the fused op in the place of X · Δᵀ, and its second result in that of X · sign(Δ)ᵀ, where a graph
 * has both and nothing else reads the signs.
 */
export const fuseDeltaProjections: RewriteRule = (value, usersOf) => {
  if (!isLinear(value)) return null;
  const [x, weight] = value.inputs;
  if (weight.operation === "sign") {
    const fused = fusedOf(value, usersOf);
    return fused && signProjection(fused);
  }
  const signs = usersOf(weight).filter(({ operation }) => operation === "sign");
  const partner = signs.flatMap(usersOf).find((each) => isProduct(each, x, signs));
  return partner ? fusedOf(partner, usersOf) : null;
};

/** Whether a value is x · Wᵀ with W one of `weights`. */
function isProduct(value: Value, x: Value, weights: readonly Value[]): boolean {
  return isLinear(value) && value.inputs[0] === x && weights.includes(value.inputs[1]);
}

/** The fused op that computes `signed`, the product with the signs. */
const fusedOf = findOnce((signed, usersOf): Value | null => {
  const [x, signs] = signed.inputs;
  const [delta] = signs.inputs;
  const projected = usersOf(delta).filter((each) => isProduct(each, x, [delta]));
  const isAlone = usersOf(signs).length === 1 && projected.length === 1;
  return isAlone ? deltaProjections(x, delta, signs.rules.attributes!.zero as 0 | 1) : null;
});
