import assert from "node:assert/strict";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { modelTensors } from "../../lib/model/model_tensors.ts";
import { PlacedModel } from "../../lib/model/placed_model.ts";
import { saveTiny, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const LAYER = ["model.layers.0.mlp.up_proj.weight", "model.layers.0.input_layernorm.weight"];

Deno.test("on the CPU weights stay as they are stored, and as floats from the fifth run on", async () => {
  await using folder = await temporaryFolder();
  using checkpoint = await Checkpoint.open(await saveTiny(folder.path, { dtype: "BF16" }));
  const engine = onnxEngine({ threads: 1 });
  using model = new PlacedModel(engine, modelTensors(checkpoint, engine));
  const expected = await Promise.all(
    LAYER.map((name) => checkpoint.readFloat32(name.replace(".0.", ".1."))),
  );
  for (const bytes of [2, 2, 2, 2, 4, 4]) {
    using weights = await model.layer(LAYER, 1);
    const placed = LAYER.map((name) => weights.feeds[name]);
    assert.deepEqual(
      placed.map(({ byteLength }) => byteLength),
      expected.map(({ length }) => bytes * length),
    );
    assert.deepEqual(await engine.read(placed), expected);
  }
});

Deno.test("weights that another model keeps as they are stored stay so", async () => {
  await using folder = await temporaryFolder();
  using checkpoint = await Checkpoint.open(await saveTiny(folder.path, { dtype: "BF16" }));
  const engine = onnxEngine({ threads: 1 });
  const tensors = modelTensors(checkpoint, engine);
  using first = new PlacedModel(engine, tensors);
  using second = new PlacedModel(engine, tensors);
  for (let run = 0; run < 6; run++) {
    using weights = await first.layer(LAYER, 0);
    using others = await second.layer(LAYER, 0);
    assert.equal(others.feeds[LAYER[0]], weights.feeds[LAYER[0]]);
  }
});
