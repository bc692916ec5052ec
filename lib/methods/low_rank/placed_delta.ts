/** A layer's delta where an engine computes, formed there of the weights as they are stored. */

import { differenceType } from "../../delta/difference.ts";
import type { Placed } from "../../graph/engine.ts";
import { input, type Value } from "../../graph/graph.ts";
import { difference } from "../../graph/ops/difference.ts";
import type { ProgramCache } from "../../graph/program_cache.ts";
import type { LayerInput } from "../method.ts";

/**
 * Δ `[out, in]`, or what is made of it there. The caller releases it.
 *
 * @param name of what is made, which says all that it depends on.
 * @param make it of Δ and of what else is fed.
 */
export async function placeDelta(
  programs: ProgramCache,
  { name: layer, shape, base, fine }: LayerInput,
  name = "delta",
  make: (delta: Value) => Value = (delta) => delta,
  feeds: Readonly<Record<string, Float32Array>> = {},
): Promise<Placed> {
  const { engine } = programs;
  const type = differenceType(base.dtype, fine.dtype);
  const program = await programs.get(`${name} of [${shape}] ${type}`, () => ({
    made: make(difference(input("fine", shape), input("base", shape), type)),
  }));
  const weights: Record<string, Placed> = {};
  try {
    weights.base = await engine.place(base, `${layer}.weight`);
    weights.fine = await engine.place(fine, `${layer}.weight`);
    return (await program.keep({ ...weights, ...feeds })).made;
  } finally {
    Object.values(weights).forEach((each) => each.release());
  }
}
