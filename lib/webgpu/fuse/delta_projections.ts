/** Fuses XΔᵀ and X·sign(Δ)ᵀ, which closed-form calibrations compare, into one op that reads X and Δ once. */

import type { Value } from "../../graph/graph.ts";
import { deltaProjections, signProjection } from "../../graph/ops/delta_projections.ts";
import { isLinear } from "./linear.ts";
import type { RewriteRule, UsersOf } from "./rewrite.ts";

/** Fused ops by the product with signs; each rewriting has its own users, and so its own map. */
const found = new WeakMap<UsersOf, Map<Value, Value | null>>();

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

/** The fused op that computes `signed`, the product with the signs; the same one each time. */
function fusedOf(signed: Value, usersOf: UsersOf): Value | null {
  const known = found.get(usersOf) ?? new Map<Value, Value | null>();
  found.set(usersOf, known);
  if (!known.has(signed)) known.set(signed, findProjections(signed, usersOf));
  return known.get(signed)!;
}

function findProjections(signed: Value, usersOf: UsersOf): Value | null {
  const [x, signs] = signed.inputs;
  const [delta] = signs.inputs;
  const projected = usersOf(delta).filter((each) => isProduct(each, x, [delta]));
  const isAlone = usersOf(signs).length === 1 && projected.length === 1;
  return isAlone ? deltaProjections(x, delta, signs.rules.attributes!.zero as 0 | 1) : null;
}
