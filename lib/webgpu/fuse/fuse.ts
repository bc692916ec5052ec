/** All rewritings of a graph for the GPU, in their order. */

import type { Value } from "../../graph/graph.ts";
import { rewrite, type RewriteRule } from "./rewrite.ts";

const RULES: readonly RewriteRule[] = [];

/** The graph with ops merged that one kernel computes better than several. */
export function fuse(outputs: Readonly<Record<string, Value>>): Record<string, Value> {
  let graph = { ...outputs };
  for (const rule of RULES) graph = rewrite(graph, rule);
  return graph;
}
