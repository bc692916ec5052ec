/** A language model that nobody here trained gives the numbers of Hugging Face's own module. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { argmax } from "../../lib/graph/ops/likelihood.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { testWithShared } from "../shared.ts";
import { gpuTestWithShared } from "../webgpu/gpu.ts";
import { assertScores, readExpected, realModels, withModel } from "./real_model.ts";

/** Longer than the text that is generated: what stands after a position does not count. */
const GENERATED = 64;

const onnx = onnxEngine({ threads: 2 });

for (const name of realModels) {
  testWithShared(`${name} scores texts as the reference does`, async (shared) => {
    await assertScores(onnx, shared, name);
  });

  gpuTestWithShared(`${name} scores texts on a GPU as the reference does`, async (gpu, shared) => {
    await assertScores(gpu, shared, name);
  });

  testWithShared(`${name} continues <s> with the reference's tokens`, async (shared) => {
    const expected = (await readExpected(shared)).models[name].greedy_from_bos;
    assert.ok(expected.length >= 60 && expected.length <= GENERATED);
    using model = await Checkpoint.open(join(shared, "real", name));
    const tokens = new Int32Array(GENERATED);
    tokens[0] = model.config.bosToken!;
    await withModel(onnx, model, GENERATED, argmax, async (run) => {
      for (let length = 1; length < expected.length; length++) {
        tokens[length] = (await run({ tokens })).output[length - 1];
      }
    });
    assert.deepEqual([...tokens.subarray(0, expected.length)], expected);
  });
}
