/** A model larger than the memory it may use: layers come and go, and the numbers stay. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { weightBytes } from "../../lib/checkpoint/weights.ts";
import { DecoderPipeline } from "../../lib/model/pipeline.ts";
import { modelTensors } from "../../lib/model/model_tensors.ts";
import { PlacedModel } from "../../lib/model/placed_model.ts";
import { openWebGpuEngine, type WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { gpuTest } from "./gpu.ts";

const folder = fileURLToPath(new URL("../../data/checkpoints/llama-base", import.meta.url));
const shape = { batch: 1, sequence: 16 };

async function lastStates(engine: WebGpuEngine, checkpoint: Checkpoint) {
  using model = new PlacedModel(engine, modelTensors(checkpoint, engine));
  const pipeline = await DecoderPipeline.compile(engine, checkpoint.config, shape);
  const tokens = Int32Array.from({ length: shape.sequence }, (_, at) => 7 * at + 3);
  const states = await pipeline.forward(model, [{ tokens }]);
  const [numbers] = await engine.read(states);
  await pipeline.release();
  return { numbers, resident: model.resident };
}

gpuTest(
  "a model that does not fit is streamed, to the same numbers, and results say so",
  async (engine) => {
    using checkpoint = await Checkpoint.open(folder);
    const whole = await lastStates(engine, checkpoint);
    assert.ok(whole.resident);
    const memory = 0.75 * weightBytes(checkpoint);
    using small = await openWebGpuEngine({ memory });
    const streamed = await lastStates(small, checkpoint);
    assert.ok(!streamed.resident);
    assert.deepEqual(streamed.numbers, whole.numbers);
    assert.ok(small.device.peakBytes <= memory);
    assert.deepEqual(small.details.facts.weights, ["llama-base is read for each run"]);
    assert.equal(engine.details.facts.weights, undefined);
  },
);

gpuTest("a model whose layers do not fit says how much memory would do", async () => {
  using checkpoint = await Checkpoint.open(folder);
  using engine = await openWebGpuEngine({ memory: 100_000 });
  await assert.rejects(
    lastStates(engine, checkpoint),
    /no room for 'model.embed_tokens.weight' on .* with a cap of 100000'; expected at least \d{6} bytes of device memory/,
  );
});
