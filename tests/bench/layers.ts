/**
 * One layer of a 7B model by each method that goes beyond the study's: seconds, and all that the process held at most. A
 * layer of random numbers takes as long as one of a model's.
 */

import { resourceUsage } from "node:process";
import { fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { doubleBinary } from "../../lib/methods/double_binary.ts";
import { GroupWork } from "../../lib/methods/group_work.ts";
import type { ClosedForm, LayerInput } from "../../lib/methods/method.ts";
import { resolveMethod } from "../../lib/methods/mod.ts";
import { refinedSigns } from "../../lib/methods/refined_signs.ts";
import { rowColumn } from "../../lib/methods/row_column.ts";
import type { Watch } from "../../lib/util/progress.ts";
import type { Settings } from "../../lib/util/settings.ts";
import type { Comparison } from "./comparison.ts";
import { randomMatrix } from "./random_matrix.ts";

const TOKENS = 8192;
const THREADS = 2;
/** Of a delta, and the mean size of normal numbers of it. */
const DEVIATION = 0.002;
const MEAN_MAGNITUDE = DEVIATION * Math.sqrt(2 / Math.PI);

/** Methods by what they are called in the table, smallest first: the process keeps what a larger one took. */
const CASES: readonly {
  readonly name: string;
  readonly shape: LinearShape;
  readonly bound: number;
}[] = [
  { name: rowColumn.name, shape: [4096, 4096], bound: 15 },
  { name: refinedSigns.name, shape: [4096, 4096], bound: 45 },
  { name: doubleBinary.name, shape: [4096, 4096], bound: 150 },
  { name: refinedSigns.name, shape: [11008, 4096], bound: 120 },
];

/** Seconds and memory of each, with its own settings. */
export async function measureLayers({ onProgress, signal }: Watch): Promise<Comparison[]> {
  const engine = onnxEngine({ threads: THREADS });
  const rows: Comparison[] = [];
  const shared = { peer: null, peerIs: "none", better: "lower" } as const;
  for (const [done, { name, shape, bound }] of CASES.entries()) {
    const what = `${name}, [${shape.join(", ")}], ${TOKENS} tokens, ${THREADS} cores`;
    onProgress?.({ done, total: CASES.length, label: what });
    const ours = await secondsOf(engine, name, shape, signal);
    rows.push({ what, unit: "s", ours, bound, ...shared });
    const held = resourceUsage().maxRSS * 1024 / 1e6;
    rows.push({
      what: "all that the process held so far",
      unit: "MB",
      ours: held,
      bound: 2000,
      ...shared,
    });
  }
  return rows;
}

/** Seconds that a method takes for a layer. */
async function secondsOf(
  engine: Engine,
  name: string,
  shape: LinearShape,
  signal?: AbortSignal,
): Promise<number> {
  const { method, settings } = resolveMethod({ method: name });
  await using programs = new ProgramCache(engine);
  await using group = new GroupWork();
  const layer = await randomLayer(engine, shape, group);
  const started = performance.now();
  await (method as ClosedForm<Settings>).compress(layer, settings, engine, programs, { signal });
  layer.fineInputs!.release();
  return (performance.now() - started) / 1000;
}

async function randomLayer(
  engine: Engine,
  [outSize, inSize]: LinearShape,
  group: GroupWork,
): Promise<LayerInput> {
  const weights = randomMatrix(outSize, inSize, 0.02, 1);
  const base = {
    dtype: "BF16",
    shape: [outSize, inSize],
    bytes: fromFloat32(weights, "BF16"),
  } as const;
  const delta = randomMatrix(outSize, inSize, DEVIATION, 2);
  for (let at = 0; at < weights.length; at++) weights[at] += delta[at];
  const inputs = await engine.place(randomMatrix(TOKENS, inSize, 1, 3));
  return {
    name: "layer",
    shape: [outSize, inSize],
    base,
    fine: { ...base, bytes: fromFloat32(weights, "BF16") },
    // Not what is timed: found as weights are read.
    signs: {
      mask: new Int32Array(Math.ceil(inSize / 32) * outSize),
      meanMagnitude: MEAN_MAGNITUDE,
    },
    fineInputs: inputs,
    compressedInputs: inputs,
    group,
  };
}
