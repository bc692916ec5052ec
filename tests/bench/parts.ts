/** What the benchmarks measure on each engine. */

import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import type { Table } from "../../lib/tables/table.ts";
import { compareActivationAware } from "./activation_aware.ts";
import type { Comparison } from "./comparison.ts";
import { compareExtraction } from "./extraction.ts";
import { compareForward } from "./forward.ts";
import { compareLayerMemory } from "./webgpu_layer.ts";
import { measureProducts } from "./webgpu_products.ts";
import { compareTraining } from "./webgpu_training.ts";

/** What a part of the benchmarks gives: comparisons, and a table of its own where they are not all. */
export interface Part {
  readonly label: string;
  readonly measure: () => Promise<{ rows: Comparison[]; table?: Table }>;
}

/** In this order: the process keeps memory that a later one would otherwise be charged for. */
export function onCpu(): { engine: Engine; parts: Part[] } {
  const part = (label: string, compare: () => Promise<Comparison[]>): Part => ({
    label,
    measure: async () => ({ rows: await compare() }),
  });
  return {
    engine: onnxEngine(),
    parts: [
      part("activation-aware scale", compareActivationAware),
      part("extraction", compareExtraction),
      part("forward pass", compareForward),
    ],
  };
}

/** jax-js is loaded for this device only. */
export async function onGpu(): Promise<{ engine: Engine; parts: Part[] }> {
  const { compareWithJax } = await import("./webgpu_jax.ts");
  const engine = await openWebGpuEngine();
  return {
    engine,
    parts: [
      { label: "products", measure: () => measureProducts(engine) },
      { label: "jax-js", measure: async () => ({ rows: await compareWithJax(engine) }) },
      { label: "memory", measure: async () => ({ rows: await compareLayerMemory(engine) }) },
      { label: "training", measure: async () => ({ rows: await compareTraining(engine) }) },
    ],
  };
}
