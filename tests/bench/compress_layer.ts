/**
 * A program that compresses one layer of random numbers, which takes as long as one of a model's, and prints seconds
 * and all that the process held at most, as JSON. Arguments: the method, rows, columns, tokens, threads.
 */

import { resourceUsage } from "node:process";
import { fromFloat32, type RawTensor } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { GroupWork } from "../../lib/methods/group_work.ts";
import type { ClosedForm, LayerInput } from "../../lib/methods/method.ts";
import { resolveMethod } from "../../lib/methods/mod.ts";
import type { Settings } from "../../lib/util/settings.ts";
import { randomMatrix } from "./random_matrix.ts";

/** Of a delta, and the mean size of normal numbers of it. */
const DEVIATION = 0.002;
const MEAN_MAGNITUDE = DEVIATION * Math.sqrt(2 / Math.PI);

/** Rows of both weights that are made at once, so that what is measured is not that. */
const ROWS_AT_ONCE = 256;

/** Of numbers that are stored. */
const BYTES = 2;

const [name, ...numbers] = Deno.args;
const [outSize, inSize, tokens, threads] = numbers.map(Number);
const engine = onnxEngine({ threads });
const { method, settings } = resolveMethod({ method: name });
{
  await using programs = new ProgramCache(engine);
  await using group = new GroupWork();
  const layer = await randomLayer(engine, [outSize, inSize], group);
  const started = performance.now();
  await (method as ClosedForm<Settings>).compress(layer, settings, engine, programs, {});
  const seconds = (performance.now() - started) / 1000;
  console.log(JSON.stringify({ seconds, bytes: resourceUsage().maxRSS * 1024 }));
}

async function randomLayer(
  engine: Engine,
  shape: LinearShape,
  group: GroupWork,
): Promise<LayerInput> {
  const [rows, width] = shape;
  const [base, fine] = ["base", "fine"].map((): RawTensor => {
    return { dtype: "BF16", shape, bytes: new Uint8Array(BYTES * rows * width) };
  });
  for (let begin = 0; begin < rows; begin += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rows - begin);
    const weights = randomMatrix(count, width, 0.02, 2 * begin + 1);
    const delta = randomMatrix(count, width, DEVIATION, 2 * begin + 2);
    base.bytes.set(fromFloat32(weights, "BF16"), BYTES * begin * width);
    for (let at = 0; at < weights.length; at++) weights[at] += delta[at];
    fine.bytes.set(fromFloat32(weights, "BF16"), BYTES * begin * width);
  }
  const inputs = await engine.place(randomMatrix(tokens, width, 1, 3));
  return {
    name: "layer",
    shape,
    base,
    fine,
    // Not what is timed: found as weights are read.
    signs: {
      mask: new Int32Array(Math.ceil(width / 32) * rows),
      meanMagnitude: MEAN_MAGNITUDE,
    },
    fineInputs: inputs,
    compressedInputs: inputs,
    group,
  };
}
