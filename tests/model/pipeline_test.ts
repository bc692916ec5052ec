/** What the pipeline promises beside its numbers: what is read, what is shown, how it is stopped. */

import assert from "node:assert/strict";
import { linearLayerNames, tensorNames, type WeightSource } from "../../lib/checkpoint/weights.ts";
import { MemoryBudget } from "../../lib/graph/memory.ts";
import { GraphError } from "../../lib/util/errors.ts";
import { DecoderPipeline, type PipelineOptions } from "../../lib/model/pipeline.ts";
import { modelTensors } from "../../lib/model/model_tensors.ts";
import { PlacedModel } from "../../lib/model/placed_model.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { matmul } from "../graph/plain/matrix.ts";
import { randomModel, randomTokens, tinyConfig } from "./random_model.ts";
import { streamingEngine } from "./watched_engine.ts";

const model = randomModel(tinyConfig, 21);
const shape = { batch: 2, sequence: 5 };
const ROWS = shape.batch * shape.sequence;
const batches = [1, 2, 3].map((seed) => ({ tokens: randomTokens(tinyConfig, ROWS, seed) }));

const engine = onnxEngine({ threads: 1 });

/** A model where an engine of so much memory computes. */
function placed(weights: WeightSource, memory = new MemoryBudget()): PlacedModel {
  return new PlacedModel({ ...engine, memory }, modelTensors(weights, engine));
}

/** A model that notes the tensors that are read. */
function noting(source: WeightSource): { weights: WeightSource; read: string[] } {
  const read: string[] = [];
  const readFloat32 = (tensor: string) => {
    read.push(tensor);
    return source.readFloat32(tensor);
  };
  return { weights: { ...source, readFloat32 }, read };
}

/** Compiles a pipeline for the model, and frees it when `use` is done. */
async function withPipeline(
  options: PipelineOptions,
  use: (pipeline: DecoderPipeline) => Promise<void>,
): Promise<void> {
  const pipeline = await DecoderPipeline.compile(engine, tinyConfig, shape, options);
  try {
    await use(pipeline);
  } finally {
    await pipeline.release();
  }
}

Deno.test("a pass reads every tensor below the head once for all batches", async () => {
  const { weights, read } = noting(model);
  await withPipeline({}, async (pipeline) => {
    await pipeline.forward(placed(weights), batches);
  });
  const expected = tensorNames(tinyConfig).filter((name) =>
    name !== "lm_head.weight" && name !== "model.norm.weight"
  );
  assert.deepEqual(read.toSorted(), expected.toSorted());
});

Deno.test("visit sees the input of every linear layer of every batch", async () => {
  const seen = new Set<string>();
  await withPipeline({ observed: true }, async (pipeline) => {
    await pipeline.forward(placed(model), batches, {
      visit: (layers, batch, inputs) => {
        for (const layer of layers) {
          seen.add(`${batch} ${layer}`);
          const [, inSize] = shapeOf(layer);
          assert.equal(inputs.length, ROWS * inSize, layer);
        }
      },
    });
  });
  const expected = batches.flatMap((_, batch) =>
    linearLayerNames(tinyConfig).map((layer) => `${batch} ${layer}`)
  );
  assert.deepEqual([...seen].toSorted(), expected.toSorted());
});

Deno.test("the inputs that visit sees give, through the weights, the next states", async () => {
  // h after a layer = h before + o · (its input) + down · (its input).
  const inputs = new Map<string, Float64Array>();
  const one = batches.slice(0, 1);
  let states: Float32Array[] = [];
  await withPipeline({ observed: true }, async (pipeline) => {
    const kept = await pipeline.forward(placed(model), one, {
      visit: async (layers, _batch, input) => {
        const [read] = await engine.read([input]);
        for (const layer of layers) inputs.set(layer, Float64Array.from(read));
      },
    });
    states = await engine.read(kept) as Float32Array[];
  });
  const table = model.tensors.get("model.embed_tokens.weight")!;
  const width = tinyConfig.hiddenSize;
  const expected = Float64Array.from({ length: ROWS * width }, (_, at) => {
    return table[one[0].tokens[Math.floor(at / width)] * width + at % width];
  });
  for (const layer of linearLayerNames(tinyConfig)) {
    if (!/(o_proj|down_proj)$/.test(layer)) continue;
    const [columns, inner] = shapeOf(layer);
    const weight = Float64Array.from(model.tensors.get(`${layer}.weight`)!);
    const product = { rows: ROWS, inner, columns, transposeSecond: true };
    matmul(inputs.get(layer)!, weight, product).forEach((each, at) => expected[at] += each);
  }
  assertWithin(relativeError(states[0], expected), 1e-5, "states");
});

Deno.test("a batch without the mask that the pipeline needs is refused", async () => {
  const [first, second] = batches;
  const padded = { ...first, attentionMask: new Int32Array(ROWS).fill(1) };
  await withPipeline({ padded: true }, async (pipeline) => {
    await assert.rejects(pipeline.forward(placed(model), [second]), GraphError);
    await assert.rejects(pipeline.forward(placed(model), [padded, second]), GraphError);
  });
});

Deno.test("a batch of another length than the pipeline's is refused", async () => {
  await withPipeline({}, async (pipeline) => {
    const short = { tokens: new Int32Array(ROWS - 1) };
    await assert.rejects(pipeline.forward(placed(model), [short]), GraphError);
  });
});

Deno.test("a pass reports each batch in each layer, and stops when it is told to", async () => {
  await withPipeline({}, async (pipeline) => {
    const reports: Progress[] = [];
    await pipeline.forward(placed(model), batches, { onProgress: (each) => reports.push(each) });
    const total = tinyConfig.layerCount * batches.length;
    const expected = Array.from({ length: total }, (_, index) => [index + 1, total]);
    assert.deepEqual(reports.map(({ done, total }) => [done, total]), expected);

    const stop = new AbortController();
    const stopped = pipeline.forward(placed(model), batches, {
      onProgress: () => stop.abort(),
      signal: stop.signal,
    });
    await assert.rejects(stopped, { name: "AbortError" });
  });
});

Deno.test("weights that fit are read once, weights that do not each time", async () => {
  const bytes = 4 * [...model.tensors.values()].reduce((sum, each) => sum + each.length, 0);
  const below = tensorNames(tinyConfig).length - 2;
  // A quarter stays free.
  for (const [memory, times] of [[4 * bytes / 3, 1], [4 * (bytes - 1) / 3, 2]]) {
    const { weights, read } = noting(model);
    using resident = placed(weights, new MemoryBudget(memory));
    assert.equal(resident.resident, times === 1);
    await withPipeline({}, async (pipeline) => {
      const [first, second] = [
        await pipeline.forward(resident, batches),
        await pipeline.forward(resident, batches),
      ];
      assert.deepEqual(await engine.read(first), await engine.read(second));
    });
    assert.equal(read.length, times * below);
  }
});

Deno.test("two models share the memory: the second stays where the first has gone", () => {
  const bytes = 4 * [...model.tensors.values()].reduce((sum, each) => sum + each.length, 0);
  const memory = new MemoryBudget(2 * bytes);
  const first = placed(model, memory);
  using second = placed(model, memory);
  assert.deepEqual([first.resident, second.resident], [true, false]);
  first[Symbol.dispose]();
  using third = placed(model, memory);
  assert.equal(third.resident, true);
});

Deno.test("of a model that does not fit one layer is placed at a time, or its embeddings", async () => {
  const { engine: streaming, record } = streamingEngine(engine);
  using streamed = new PlacedModel(streaming, modelTensors(model, streaming));
  await withPipeline({}, async (pipeline) => {
    await pipeline.forward(streamed, batches);
  });
  const bytes = (of: RegExp) =>
    4 *
    [...model.tensors].reduce((sum, [name, each]) => sum + (of.test(name) ? each.length : 0), 0);
  assert.equal(record.peakBytes, Math.max(bytes(/layers\.0\./), bytes(/embed_tokens/)));
});

function shapeOf(layer: string): [outSize: number, inSize: number] {
  const { hiddenSize } = tinyConfig;
  const elements = model.tensors.get(`${layer}.weight`)!.length;
  const writesResidual = /(o_proj|down_proj)$/.test(layer);
  const other = elements / hiddenSize;
  return writesResidual ? [hiddenSize, other] : [other, hiddenSize];
}

Deno.test("layers are placed ahead in any order, and none that was asked for is read twice", async () => {
  const model = randomModel(tinyConfig, 1);
  const memory = new MemoryBudget(4 * 4 * 5000, { ahead: true });
  const { engine: streaming, record } = streamingEngine(engine);
  const onDemand = { ...streaming, memory };
  using placed = new PlacedModel(onDemand, modelTensors(model, onDemand), { runs: "once" });
  const inputs = ["model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.gate_proj.weight"];
  for (const index of [1, 0]) {
    using _weights = await placed.layer(inputs, index);
    if (index === 0) continue;
    placed.ahead(inputs, 0);
    // Both are read while layer 1 is held.
    for (let turn = 0; turn < 1000 && record.names.length < 4; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert.equal(record.names.length, 4, "before it is asked for");
  }
  assert.deepEqual(record.names.map((name) => name.split(".")[2]), ["1", "1", "0", "0"]);
});

Deno.test("inputs alone are those of a whole pass, and the last products and weights are left out", async () => {
  const visited: unknown[][] = [];
  for (const observed of [true, "alone"] as const) {
    const { weights, read } = noting(model);
    const seen: unknown[] = [];
    const pipeline = await DecoderPipeline.compile(engine, tinyConfig, shape, { observed });
    const states = await pipeline.forward(placed(weights), batches, {
      visit: async (layers, batch, inputs) => {
        seen.push([layers, batch, ...await engine.read([inputs])]);
      },
    });
    assert.equal(states.length, observed === true ? batches.length : 0);
    const last = `model.layers.${tinyConfig.layerCount - 1}.mlp.down_proj.weight`;
    assert.equal(read.includes(last), observed === true);
    visited.push(seen);
    await pipeline.release();
  }
  assert.deepEqual(visited[1], visited[0]);
});
