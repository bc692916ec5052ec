/**
 * `deltaProjections`: XΔᵀ and X·sign(Δ)ᵀ, which closed-form calibrations compare, as one op that reads X and Δ
 * once, and the rewriting that makes it.
 */

import { requireShapes, type Value } from "../../../graph/graph.ts";
import type { KernelRule } from "../kernel.ts";
import { deltaProjectionsProduct } from "../kernels/delta_projections.ts";
import { fusedOp, part } from "./op.ts";
import { findOnce, isLinear, type RewriteRule } from "./rewrite.ts";

/**
 * U = XΔᵀ `[tokens, out]`, with V = X·sign(Δ)ᵀ as a second result, {@linkcode signProjection}.
 *
 * @param x X, `[tokens, in]`
 * @param delta Δ, `[out, in]`
 * @param zero the sign of a zero.
 */
export function deltaProjections(x: Value, delta: Value, zero: 0 | 1): Value {
  requireShapes(
    x.shape.length === 2 && delta.shape.length === 2 && x.shape[1] === delta.shape[1],
    "deltaProjections",
    [x, delta],
    "x [tokens, in] and a delta [out, in]",
  );
  return fusedOp("deltaProjections", [x, delta], [x.shape[0], delta.shape[0]], { zero });
}

/** V = X·sign(Δ)ᵀ `[tokens, out]`, the second result of `deltaProjections`. */
export function signProjection(projections: Value): Value {
  return part(projections, 1, projections.shape);
}

/** The WGSL of the op above. */
export const deltaProjectionRules: Readonly<Record<string, KernelRule>> = {
  deltaProjections: (builder, [first, second], { attributes }) => {
    const zero = attributes.zero as 0 | 1;
    return deltaProjectionsProduct(builder, { first, second, zero });
  },
};

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
  return isAlone ? deltaProjections(x, delta, signs.attributes.zero as 0 | 1) : null;
});
