/** How much of a delta outlives the rounding of the weights that it is added to, over layers. */

import { addKept, type Kept } from "./rounded_blocks.ts";

/** Shares of a delta, 1 where nothing is lost. */
export interface KeptShare {
  /**
   * Of its energy: ⟨Ŵ − B̂, M⟩ / ‖M‖² over all layers, M what was added to the base's weights B, Ŵ = round(B + M),
   * B̂ = round(B). Somewhat above 1 where changes happen to be rounded up.
   */
  readonly energy: number;
  /** Of its weights: those with Ŵ ≠ B̂. */
  readonly moved: number;
  /** The layer that keeps the least of its energy. */
  readonly worst: { readonly tensor: string; readonly energy: number; readonly moved: number };
}

/**
 * The shares of a delta over its layers.
 *
 * @param kept by tensor, as {@linkcode saveCheckpoint} found it.
 * @returns `null` where no layer was changed.
 *
 * @example
 * ```ts
 * import { keptShare } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const whole = { energy: 1, product: 1, moved: 10, count: 10 };
 * const share = keptShare(new Map([["a", whole], ["b", { ...whole, product: 0, moved: 0 }]]));
 * assert.deepEqual(share, { energy: 0.5, moved: 0.5, worst: { tensor: "b", energy: 0, moved: 0 } });
 * ```
 */
export function keptShare(kept: ReadonlyMap<string, Kept>): KeptShare | null {
  const changed = [...kept].filter(([, { energy }]) => energy > 0);
  if (changed.length === 0) return null;
  const layers = changed.map(([tensor, each]) => ({ tensor, ...sharesOf(each) }));
  const worst = layers.reduce((least, each) => each.energy < least.energy ? each : least);
  return { ...sharesOf(changed.map(([, each]) => each).reduce(addKept)), worst };
}

function sharesOf({ energy, product, moved, count }: Kept): Omit<KeptShare, "worst"> {
  return { energy: product / energy, moved: moved / count };
}
