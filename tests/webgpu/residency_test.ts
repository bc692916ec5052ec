/** Weights stay on a device as long as it has room, models share them, and they give way to other work. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { openWebGpuEngine, type WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { input } from "../../lib/graph/graph.ts";
import { silu, sumTo } from "../../lib/graph/ops/elementwise.ts";
import { type ModelTensors, modelTensors } from "../../lib/model/model_tensors.ts";
import { DecoderPipeline } from "../../lib/model/pipeline.ts";
import { PlacedModel } from "../../lib/model/placed_model.ts";
import { DeviceError, DeviceMemoryError } from "../../lib/util/errors.ts";
import { gpuTest, presentAdapter } from "./gpu.ts";
import { refuseBeyond } from "./scarce_memory.ts";

const folder = fileURLToPath(new URL("../../data/checkpoints/llama-base", import.meta.url));
const shape = { batch: 1, sequence: 16 };
const tokens = Int32Array.from({ length: shape.sequence }, (_, at) => 7 * at + 3);

/** The last states of a forward pass. */
async function pass(engine: WebGpuEngine, pipeline: DecoderPipeline, model: PlacedModel) {
  const states = await pipeline.forward(model, [{ tokens }]);
  const numbers = await engine.read(states);
  states.forEach((each) => each.release());
  return numbers;
}

/** What a pass says, and the memory that it takes, where there is enough. */
async function unbounded(checkpoint: Checkpoint) {
  using engine = await openWebGpuEngine();
  const pipeline = await DecoderPipeline.compile(engine, checkpoint.config, shape);
  using model = new PlacedModel(engine, modelTensors(checkpoint, engine));
  const expected = await pass(engine, pipeline, model);
  return { expected, bytes: engine.device.peakBytes, weights: model.tensors.byteLength };
}

gpuTest("weights that a device has no room for give way, and are told", async () => {
  using checkpoint = await Checkpoint.open(folder);
  const { expected, bytes, weights } = await unbounded(checkpoint);
  using engine = await openWebGpuEngine();
  const { device } = engine;
  refuseBeyond(device, bytes - weights / 2);
  const pipeline = await DecoderPipeline.compile(engine, checkpoint.config, shape);
  assert.deepEqual(engine.details.facts.evicted, { weights: 0, bytes: 0 });
  using model = new PlacedModel(engine, modelTensors(checkpoint, engine));
  assert.ok(model.resident);
  const uploaded: number[] = [];
  for (let times = 0; times < 4; times++) {
    const before = device.counts.uploadedBytes;
    assert.deepEqual(await pass(engine, pipeline, model), expected);
    uploaded.push(device.counts.uploadedBytes - before);
    assert.ok(device.allocatedBytes <= bytes - weights / 2);
  }
  const { evictions } = engine.memory.residents;
  assert.ok(evictions.weights > 0 && evictions.bytes > 0);
  assert.deepEqual(engine.details.facts.evicted, evictions);
  // What is left stays: the weights do not drive out each other in turns.
  assert.ok(uploaded[3] > 0.1 * weights && uploaded[3] < 0.9 * weights, String(uploaded));
  await pipeline.release();
});

gpuTest(
  "a device with nothing left to free says for what it had no room, and goes on",
  async () => {
    using engine = await openWebGpuEngine();
    const held = await engine.place(new Float32Array(1000));
    refuseBeyond(engine.device, 10_000);
    await assert.rejects(engine.place(new Float32Array(2000), "weights"), (error) => {
      assert.ok(error instanceof DeviceError);
      assert.match(error.message, /no room for 'weights' on .*8000 bytes beside 4000 in use/);
      assert.match(error.message, /not enough memory left/);
      return true;
    });
    assert.deepEqual(await engine.read([held]), [new Float32Array(1000)]);
    held.release();
    (await engine.place(new Float32Array(2000))).release();
  },
);

gpuTest("a run that is refused room leaves nothing in the way of a smaller one", async () => {
  using engine = await openWebGpuEngine();
  const { device } = engine;
  const programOf = (rows: number) => {
    const x = input("x", [rows, 4]);
    return engine.compile({ y: sumTo(silu(x), [4]) });
  };
  const [small, large] = [await programOf(1000), await programOf(100_000)];
  const ofSmall = { x: new Float32Array(4000).fill(1) };
  const ofLarge = { x: await engine.place(new Float32Array(400_000)) };
  const expected = await small.run(ofSmall);
  const before = device.allocatedBytes;
  refuseBeyond(device, before + 1e6);
  await assert.rejects(large.run(ofLarge), DeviceMemoryError);
  assert.ok(device.allocatedBytes < before);
  assert.deepEqual(await small.run(ofSmall), expected);
});

gpuTest("nothing gives way to what fits in no case", async () => {
  using checkpoint = await Checkpoint.open(folder);
  for (const memory of [undefined, 2 ** 26]) {
    using engine = await openWebGpuEngine({ memory });
    const { device } = engine;
    const pipeline = await DecoderPipeline.compile(engine, checkpoint.config, shape);
    using model = new PlacedModel(engine, modelTensors(checkpoint, engine));
    await pass(engine, pipeline, model);
    const most = memory ?? device.adapter.limits.maxBufferSize;
    await assert.rejects(
      device.allocate(most + 4, GPUBufferUsage.STORAGE, "all"),
      DeviceMemoryError,
    );
    assert.deepEqual(engine.memory.residents.evictions, { weights: 0, bytes: 0 });
    await pipeline.release();
  }
});

gpuTest("models of one checkpoint share its weights where the engine computes", async () => {
  using checkpoint = await Checkpoint.open(folder);
  using engine = await openWebGpuEngine();
  const pipeline = await DecoderPipeline.compile(engine, checkpoint.config, shape);
  const { counts } = engine.device;
  const first = new PlacedModel(engine, modelTensors(checkpoint, engine));
  const expected = await pass(engine, pipeline, first);
  const before = counts.uploadedBytes;
  using second = new PlacedModel(engine, modelTensors(checkpoint, engine));
  assert.deepEqual(await pass(engine, pipeline, second), expected);
  // The tokens alone.
  assert.equal(counts.uploadedBytes - before, tokens.byteLength);
  first[Symbol.dispose]();
  assert.deepEqual(await pass(engine, pipeline, second), expected);
  assert.equal(counts.uploadedBytes - before, 2 * tokens.byteLength);
  await pipeline.release();
});

gpuTest(
  "the weights of the next layer are placed before this one is looked at to the end",
  async () => {
    using checkpoint = await Checkpoint.open(folder);
    using engine = await openWebGpuEngine();
    const options = { observed: true };
    const pipeline = await DecoderPipeline.compile(engine, checkpoint.config, shape, options);
    const tensors = modelTensors(checkpoint, engine);
    const read: string[] = [];
    const noting = {
      ...tensors,
      read: (input: string) => {
        read.push(input);
        return tensors.read(input);
      },
    };
    using model = new PlacedModel(engine, noting, { runs: "once" });
    const seen: boolean[] = [];
    const states = await pipeline.forward(model, [{ tokens }], {
      visit: async ([layer], _batch, inputs) => {
        const index = Number(layer.split(".")[2]);
        if (!layer.endsWith(".down_proj")) return;
        await engine.read([inputs]);
        seen.push(read.some((name) => name.startsWith(`model.layers.${index + 1}.`)));
      },
    });
    states.forEach((each) => each.release());
    const last = checkpoint.config.layerCount - 1;
    assert.deepEqual(seen, Array.from({ length: last + 1 }, (_, index) => index < last));
    // Once each, though it is asked for twice.
    assert.equal(read.length, new Set(read).size);
    await pipeline.release();
  },
);

gpuTest("free buffers are given up where they are many beside those in use", async () => {
  using engine = await openWebGpuEngine();
  const { device } = engine;
  // Of odd sizes, so that none serves another.
  for (let at = 0; at < 12; at++) {
    (await engine.place(new Float32Array(2 ** 22 + 3 * at))).release();
  }
  assert.ok(device.allocatedBytes <= 2 ** 26 + 2 ** 12, String(device.allocatedBytes));
  // Those of one size serve each other.
  const before = device.peakBytes;
  for (let at = 0; at < 12; at++) (await engine.place(new Float32Array(2 ** 22 + 33))).release();
  assert.equal(device.peakBytes, before);
});

/** An engine on an adapter that is taken for a card. */
async function openOnCard(memory?: number): Promise<WebGpuEngine> {
  const adapter = await presentAdapter();
  const info = { description: "a card", isFallbackAdapter: false, device: "1", vendor: "" };
  Object.defineProperty(adapter, "info", { value: info });
  return await openWebGpuEngine({ adapter, memory });
}

gpuTest(
  "a card has the memory that it has, and takes whole matrices where it may bind them",
  async () => {
    using card = await openOnCard();
    const { bytes, atOnce, ahead } = card.memory;
    const bound = card.device.adapter.limits.maxStorageBufferBindingSize;
    assert.deepEqual([bytes, atOnce, ahead], [Infinity, bound / 2, Infinity]);
    // As many models as there are.
    for (let times = 0; times < 3; times++) assert.notEqual(card.memory.keep(2 ** 40), null);
    using capped = await openOnCard(2 ** 28);
    assert.deepEqual([capped.memory.bytes, capped.memory.atOnce], [2 ** 28, 2 ** 24]);
    assert.deepEqual([card.memory.formedAtOnce, capped.memory.formedAtOnce], [4 * bound, 2 ** 26]);
    assert.equal(capped.memory.keep(2 ** 28), null);
  },
);

gpuTest("an adapter that computes on the CPU, and no other, takes 8 GiB for given", async () => {
  using engine = await openWebGpuEngine();
  assert.equal(engine.memory.bytes, engine.device.adapter.software ? 2 ** 33 : Infinity);
});

gpuTest("memory of what was placed is given back, and of what others hold it is not", async () => {
  using checkpoint = await Checkpoint.open(folder);
  using engine = await openWebGpuEngine();
  const tensors = modelTensors(checkpoint, engine);
  const read = new Map<string, unknown>();
  const given: string[] = [];
  const noting: ModelTensors = {
    ...tensors,
    read: async (input) => {
      const numbers = await tensors.read(input);
      read.set(input, numbers);
      return numbers;
    },
    giveBack: (input, numbers) => {
      assert.equal(read.get(input), numbers);
      given.push(input);
    },
  };
  using model = new PlacedModel(engine, noting);
  const names = ["model.norm.weight", "model.embed_tokens.weight"];
  using _weights = await model.layer(names, 0);
  assert.deepEqual(given.sort(), names.toSorted());
  // The CPU engine reads them where they are.
  given.splice(0);
  using onHost = new PlacedModel(onnxEngine({ threads: 1 }), noting);
  using _there = await onHost.layer(names, 0);
  assert.deepEqual(given, []);
});
