/** What rewritings take for a linear layer. */

import type { Value } from "../../../graph/graph.ts";

/** Whether a value is x · Wᵀ, with W `[out, in]` as checkpoints store it. */
export function isLinear({ operation, rules }: Value): boolean {
  return operation === "matmul" && rules.attributes!.transposeSecond === true &&
    rules.attributes!.transposeFirst === false;
}
