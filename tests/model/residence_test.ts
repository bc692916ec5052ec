/** What of a model stays on an engine of so much memory, and that a pass computes the same whatever stays. */

import assert from "node:assert/strict";
import { byteCount, elementCount, fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import { tensorNames, tensorShape, type WeightSource } from "../../lib/checkpoint/weights.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { MemoryBudget } from "../../lib/graph/memory.ts";
import { modelTensors } from "../../lib/model/model_tensors.ts";
import { DecoderPipeline } from "../../lib/model/pipeline.ts";
import { PlacedModel } from "../../lib/model/placed_model.ts";
import { residenceOf } from "../../lib/model/residence.ts";
import { randomModel, randomTokens, tinyConfig as tiny } from "./random_model.ts";

const config = { ...tiny, layerCount: 3 };
const engine = onnxEngine({ threads: 1 });

/** A model stored in bfloat16, and the names of what is read of it. */
function stored(): { model: WeightSource; read: string[] } {
  const source = randomModel(config, 21);
  const read: string[] = [];
  const info = (tensor: string) => ({ dtype: "BF16", shape: tensorShape(config, tensor) }) as const;
  const model: WeightSource = {
    ...source,
    stored: {
      info,
      async read(tensor) {
        read.push(tensor);
        return { ...info(tensor), bytes: fromFloat32(await source.readFloat32(tensor), "BF16") };
      },
    },
  };
  return { model, read };
}

const names = tensorNames(config);
const bytesOf = (of: RegExp) =>
  names.filter((name) => of.test(name))
    .reduce((sum, name) => sum + byteCount({ dtype: "BF16", shape: tensorShape(config, name) }), 0);
const all = bytesOf(/./);
const ends = bytesOf(/^(?!model\.layers)/);
const layer = bytesOf(/layers\.0\./);

/** Of a budget a quarter stays free. */
function budget(bytes: number, widens = true): MemoryBudget {
  return new MemoryBudget(4 * bytes / 3, { widens });
}

const tensors = modelTensors(stored().model, engine);

Deno.test("a model whose floats take an eighth stays as floats, and nothing is noted", () => {
  const memory = new MemoryBudget(8 * 2 * all, { widens: true });
  using residence = residenceOf(tensors, memory);
  assert.deepEqual([residence.isWhole, residence.isWide, memory.exceptions.size], [true, true, 0]);
});

Deno.test("a model that fits as it is stored stays so, which is noted", () => {
  const memory = new MemoryBudget(8 * 2 * all - 1, { widens: true });
  using residence = residenceOf(tensors, memory);
  assert.deepEqual([residence.isWhole, residence.isWide], [true, false]);
  assert.deepEqual([...memory.exceptions], [`${tensors.name} stays as it is stored`]);
});

for (const layers of [0, 1, 2]) {
  Deno.test(`of a model of 3 layers ${layers} stay where there is room for them`, () => {
    const memory = budget(ends + (layers + 1) * layer - 1);
    using residence = residenceOf(tensors, memory);
    assert.equal(residence.isWhole, false);
    const kept = names.filter((name) => residence.stays(name));
    const expected = names.filter((name) => {
      const index = Number(/layers\.(\d+)/.exec(name)?.[1] ?? -1);
      return index < layers;
    });
    assert.deepEqual(kept, expected);
    assert.match([...memory.exceptions][0], new RegExp(`^${layers} of 3 layers of .* stay`));
  });
}

Deno.test("where not even the ends fit, nothing stays", () => {
  using residence = residenceOf(tensors, budget(ends - 1));
  assert.deepEqual(names.filter((name) => residence.stays(name)), []);
});

Deno.test("an engine that reads weights as they are stored keeps all of a model or nothing", () => {
  for (const [bytes, isWhole] of [[all, true], [all - 1, false]] as const) {
    const memory = budget(bytes, false);
    using residence = residenceOf(tensors, memory);
    assert.deepEqual([residence.isWhole, residence.isWide], [isWhole, false]);
    assert.deepEqual(names.filter((name) => residence.stays(name)), isWhole ? names : []);
    const note = `${tensors.name} is read for each run`;
    assert.deepEqual([...memory.exceptions], isWhole ? [] : [note]);
  }
});

Deno.test("room is given back, of layers too", () => {
  const memory = budget(ends + 2 * layer);
  for (let time = 0; time < 2; time++) {
    using residence = residenceOf(tensors, memory);
    assert.ok(residence.stays("model.layers.1.mlp.up_proj.weight"));
    using second = residenceOf(tensors, memory);
    assert.ok(!second.stays("model.norm.weight"));
  }
});

Deno.test("passes compute the same whatever stays, and read what stays once", async () => {
  const shape = { batch: 2, sequence: 5 };
  const batches = [{ tokens: randomTokens(config, 10, 1) }];
  const pipeline = await DecoderPipeline.compile(engine, config, shape);
  const below = names.filter((name) => name.startsWith("model.layers.") || /embed/.test(name));
  const states = [];
  for (const [memory, again] of [[12 * all, 0], [all, 0], [ends + layer, 2]] as const) {
    const { model, read } = stored();
    const sized = { ...engine, memory: budget(memory) };
    using placed = new PlacedModel(sized, modelTensors(model, sized));
    const passes = [
      await pipeline.forward(placed, batches),
      await pipeline.forward(placed, batches),
    ];
    states.push(...await engine.read(passes.flat()));
    const perLayer = (below.length - 1) / 3;
    assert.equal(read.length, below.length + again * perLayer, `${memory} bytes`);
  }
  for (const state of states) assert.deepEqual(state, states[0]);
  assert.equal(states[0].length, elementCount([10, config.hiddenSize]));
  await pipeline.release();
});
