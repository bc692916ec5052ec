/** A delta of every form on a GPU: its parts stay packed there, and its numbers are the dense model's. */

import assert from "node:assert/strict";
import { linearShape } from "../../lib/checkpoint/weights.ts";
import type { LayerForm } from "../../lib/codecs/codec.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { fuse } from "../../lib/engines/webgpu/fused/fuse.ts";
import { input, topologicalOrder } from "../../lib/graph/graph.ts";
import { modelInputs } from "../../lib/model/linear.ts";
import { withLowRank } from "../codecs/low_rank.ts";
import { config, mixedDelta } from "../delta/mixed_delta.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { layerwiseLogits } from "../model/decoder_programs.ts";
import { randomModel, randomTokens } from "../model/random_model.ts";
import { gpuTest } from "./gpu.ts";

gpuTest("a model of mixed layers is its dense one", async (engine) => {
  using _codec = withLowRank();
  const shape = { batch: 2, sequence: 5 };
  const tokens = randomTokens(config, 10, 33);
  const model = await applyDelta(randomModel(config, 31), mixedDelta());
  const [packed] = await layerwiseLogits(model, shape, [{ tokens }], undefined, engine);
  const [dense] = await layerwiseLogits(model, shape, [{ tokens }]);
  assertWithin(relativeError(packed, dense), 1e-4, "logits");
});

const LAYER = "model.layers.0.mlp.up_proj";
const ofSigns = (scale: string) => ({ codec: "signs", form: { scale } });

/** The ops of one linear layer as the GPU runs them. */
function operations(role: LayerForm["role"], terms: LayerForm["terms"]): string[] {
  const form = { shape: linearShape(config, LAYER), role, terms };
  const { linear } = modelInputs(config, new Map([[LAYER, form]]));
  const y = linear(input("x", [5, config.hiddenSize]), LAYER);
  return topologicalOrder(Object.values(fuse({ y })))
    .map(({ operation }) => operation).filter((operation) => operation !== "input").sort();
}

Deno.test("a layer of one scale, or of one a row, is one op with its base's product", () => {
  assert.deepEqual(operations("delta", [ofSigns("scalar")]), ["deltaLinear"]);
  assert.deepEqual(operations("delta", [ofSigns("row")]), ["deltaLinear"]);
});

Deno.test("the first of two masks is one op with its base's product, the second beside it", () => {
  assert.deepEqual(operations("delta", [ofSigns("scalar"), ofSigns("row")]), [
    ...["add", "deltaLinear", "multiply", "signMatmul"],
  ]);
});

Deno.test("a layer in its base's place reads no base", () => {
  assert.deepEqual(operations("weight", [ofSigns("row")]), ["multiply", "signMatmul"]);
});
