/**
 * A delta of mixed forms, one of them of a codec that the library does not have, from numbers to scores: to a
 * file, read layer by layer, applied dense and as products in graphs, evaluated.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { float32Tensor, toFloat32 } from "../../lib/checkpoint/tensor.ts";
import {
  linearLayerNames,
  tensorNames,
  type WeightSource,
  wholeTensorNames,
} from "../../lib/checkpoint/weights.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { readTrainable, withNumbers } from "../../lib/delta/delta.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { layerKinds } from "../../lib/model/linear.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { withLowRank } from "../codecs/low_rank.ts";
import { plainMatrix } from "../codecs/random_layer.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { layerwiseLogits } from "../model/decoder_programs.ts";
import { decoderLogits } from "../model/plain/decoder.ts";
import { randomModel, randomTokens } from "../model/random_model.ts";
import { config, mixedDelta } from "./mixed_delta.ts";

const base = randomModel(config, 31);

/** ONNX Runtime as an engine that is given the parts of layers, as a GPU is. */
const packed: Engine = { ...onnxEngine({ threads: 1 }), appliesCodecs: true };

/** A model that notes the tensors that are read. */
function noting(source: WeightSource): { weights: WeightSource; read: Set<string> } {
  const read = new Set<string>();
  const readFloat32 = (tensor: string) => {
    read.add(tensor);
    return source.readFloat32(tensor);
  };
  return { weights: { ...source, readFloat32 }, read };
}

const shape = { batch: 2, sequence: 5 };
const tokens = randomTokens(config, 10, 33);

Deno.test("a delta of any codecs goes from numbers to a file, to logits and to scores", async () => {
  using _codec = withLowRank();
  await using folder = await temporaryFolder();
  const delta = mixedDelta();
  const path = join(folder.path, "delta.safetensors");
  await writeDelta(path, delta);
  using file = await openDelta(path);
  assert.deepEqual(new Set(file.layers.keys()), new Set(delta.layers.keys()));

  // What it stands for, in float64.
  const weights: Record<string, Float64Array> = {};
  for (const name of wholeTensorNames(config)) {
    weights[name] = Float64Array.from(await (await applyDelta(base, delta)).readFloat32(name));
  }
  for (const [name, layer] of delta.layers) {
    const matrix = plainMatrix(layer);
    const start = base.tensors.get(`${name}.weight`)!;
    weights[`${name}.weight`] = layer.role === "weight"
      ? matrix
      : matrix.map((value, at) => value + start[at]);
  }
  const mask = { scores: [] };
  const expected = decoderLogits(config, weights, Float64Array.from(tokens), shape, mask);

  const replaced = linearLayerNames(config).filter((name) => name.includes("layers.1."))
    .map((name) => `${name}.weight`);
  for (const engine of [onnxEngine({ threads: 1 }), packed]) {
    const { weights, read } = noting(base);
    const model = await applyDelta(weights, file);
    const [logits] = await layerwiseLogits(model, shape, [{ tokens }], undefined, engine);
    assertWithin(relativeError(logits, expected), 1e-4, engine.name);
    assert.deepEqual(replaced.filter((name) => read.has(name)), []);
    assert.ok(read.has("model.layers.0.mlp.up_proj.weight"));
  }

  const text = {
    name: "text",
    tokens: randomTokens(config, 40, 34),
    bytes: new Int32Array(40).fill(1),
    documents: ["document"],
    documentOf: new Int32Array(40),
  };
  const scores = await Promise.all([onnxEngine({ threads: 1 }), packed].map(async (engine) => {
    const evaluator = new Evaluator(engine, config, { context: 8, window: 8 });
    // The dense model of the same shapes first: its compiled graphs must not serve this one.
    await evaluator.score(base, text);
    const summary = await evaluator.score(await applyDelta(base, file), text);
    await evaluator.release();
    return summary.perplexity;
  }));
  assertWithin(relativeError([scores[1]], [scores[0]]), 1e-4, "perplexity");
});

Deno.test("layers that are stored alike share a compiled graph, and no others", () => {
  using _codec = withLowRank();
  const { kinds, kindOf } = layerKinds(config, mixedDelta().layers);
  assert.deepEqual(kindOf, [0, 1, 0, 2]);
  assert.equal(kinds.length, 3);
  const dense = { kinds: [{ forms: null, config }], kindOf: [0, 0, 0, 0] };
  assert.deepEqual(layerKinds(config, null), dense);
});

Deno.test("base and delta saved as a checkpoint are what they are applied", async () => {
  using _codec = withLowRank();
  await using folder = await temporaryFolder();
  const applied = await applyDelta(base, mixedDelta());
  await saveCheckpoint(folder.path, applied, { dtype: "F32" });
  using saved = await Checkpoint.open(folder.path);
  for (const name of tensorNames(config)) {
    assert.deepEqual(await saved.readFloat32(name), await applied.readFloat32(name));
  }
});

Deno.test("numbers of any trainable part can be replaced, of later terms too", async () => {
  using _codec = withLowRank();
  const delta = mixedDelta();
  const numbers = await readTrainable(delta);
  const name = "model.layers.1.mlp.up_proj";
  const entries = [...numbers.keys()].filter((entry) => entry.startsWith(`${name}.`));
  assert.deepEqual(entries.map((entry) => entry.slice(name.length + 1)), [
    ...["row", "column", "1.left", "1.right"],
  ]);
  const left = numbers.get(`${name}.1.left`)!.map((value) => value + 1);
  const changed = await withNumbers(delta, new Map([[`${name}.1.left`, left]]), {}).readLayer(name);
  const before = delta.layers.get(name)!;
  assert.deepEqual(changed.terms[0], before.terms[0]);
  assert.deepEqual(changed.terms[1].parts, {
    ...before.terms[1].parts,
    left: float32Tensor(left, before.terms[1].parts.left.shape),
  });
});

Deno.test("numbers of a part of 16 bits are rounded to its type, and refused beyond it", async () => {
  using _codec = withLowRank();
  const delta = mixedDelta();
  const name = "model.layers.3.self_attn.o_proj";
  const before = delta.layers.get(name)!.terms[0].parts.left;
  const values = toFloat32(before).map((_, at) => 1 + (at % 2) * 2 ** -9);
  const changed = await withNumbers(delta, new Map([[`${name}.left`, values]]), {}).readLayer(name);
  const { left } = changed.terms[0].parts;
  assert.deepEqual([left.dtype, left.shape], ["BF16", before.shape]);
  // Half of the last place of a bfloat16: the even neighbour is 1.
  assert.ok(toFloat32(left).every((each) => each === 1));
  values[3] = 3.4e38;
  assert.throws(() => withNumbers(delta, new Map([[`${name}.left`, values]]), {}), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /o_proj\.left'.*in BF16.* as element 3'/);
    return true;
  });
});

Deno.test("a file of a codec that is not known is refused, naming it and the file", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  {
    using _codec = withLowRank();
    await writeDelta(path, mixedDelta());
  }
  await assert.rejects(openDelta(path), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /delta\.safetensors'.*'codec': is no codec.*'test low rank'/);
    return true;
  });
});
