/** All rewritings of a graph for the GPU, in their order. */

import type { Value } from "../../../graph/graph.ts";
import { fuseAttention } from "./attention/rewriting.ts";
import { fuseDeltaLinear } from "./delta_linear.ts";
import { fuseDeltaProjections } from "./delta_projections.ts";
import { rewrite, type RewriteRule } from "./rewrite.ts";
import { fuseGroupedLayer, fuseResidual } from "./grouped_layer.ts";
import { fuseRmsNorm } from "./rms_norm.ts";
import { fuseScaledRotary } from "./scaled_rotary.ts";
import { fuseSignProducts } from "./sign_products.ts";

const RULES: readonly RewriteRule[] = [
  fuseAttention,
  fuseRmsNorm,
  fuseDeltaLinear,
  fuseSignProducts,
  fuseDeltaProjections,
  fuseScaledRotary,
  fuseGroupedLayer,
  fuseResidual,
];

/** The graph with ops merged that one kernel computes better than several. */
export function fuse(outputs: Readonly<Record<string, Value>>): Record<string, Value> {
  let graph = { ...outputs };
  for (const rule of RULES) graph = rewrite(graph, rule);
  return graph;
}
