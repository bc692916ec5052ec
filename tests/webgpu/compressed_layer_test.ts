/** What a GPU makes of compressed layers as codecs describe them: one kernel a layer where it can, and the same numbers. */

import assert from "node:assert/strict";
import { linearLayerNames, linearShape } from "../../lib/checkpoint/weights.ts";
import type { Form, LayerForm } from "../../lib/codecs/codec.ts";
import { layerParts, layerProduct } from "../../lib/codecs/layer.ts";
import { fuse } from "../../lib/engines/webgpu/fused/fuse.ts";
import { input, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { modelInputs } from "../../lib/model/linear.ts";
import { decoderLayer } from "../../lib/model/llama.ts";
import { fixed, normals, type Operand, randomMask } from "../graph/op_case.ts";
import { tinyConfig } from "../model/random_model.ts";
import { testSame } from "./same_as_onnx.ts";

const scales = ["scalar", "row", "column", "row and column"];

/** The ops of a decoder layer whose linear layers are stored in one form, as they run on a GPU. */
function operations(form: Form): string[] {
  const layers = linearLayerNames(tinyConfig).map((name): [string, LayerForm] => {
    const shape = linearShape(tinyConfig, name);
    return [name, { shape, role: "delta", terms: [{ codec: "signs", form }] }];
  });
  const { parameters, linear } = modelInputs(tinyConfig, new Map(layers));
  const shape = { batch: 1, sequence: 5 };
  const x = input("x", [5, tinyConfig.hiddenSize]);
  const output = decoderLayer(x, 0, { config: tinyConfig, shape, parameters, linear });
  return topologicalOrder(Object.values(fuse({ output }))).map(({ operation }) => operation);
}

for (const scale of scales) {
  const op = scale.includes("column") ? "signMatmul" : "deltaLinear";
  Deno.test(`a decoder layer with signs scaled by ${scale} has one ${op} for each linear layer`, () => {
    const products = operations({ scale }).filter((each) => /^(delta|sign|mat)/.test(each));
    const expected = op === "deltaLinear" ? [op] : [op, "matmul"];
    assert.deepEqual(new Set(products), new Set(expected));
    assert.equal(products.filter((each) => each === op).length, 7);
  });
}

const [rows, outSize, inSize] = [5, 33, 70];

const scalar = { codec: "signs", form: { scale: "scalar" } };
const layers: Record<string, LayerForm["terms"]> = {
  ...Object.fromEntries(scales.map((scale) => [
    `signs scaled by ${scale}, and by a scalar`,
    [{ codec: "signs", form: { scale } }, scalar],
  ])),
  "a low rank of two bits": [{ codec: "rounded-low-rank", form: { rank: 3, bits: 2 } }],
  "trits": [{ codec: "ternary", form: { scale: "row" } }],
  "signs and a low rank": [scalar, { codec: "low-rank", form: { rank: 3, type: "F32" } }],
};

/** x · Wᵀ + x · Mᵀ, and its gradients. */
for (const [name, terms] of Object.entries(layers)) {
  const form: LayerForm = { shape: [outSize, inSize], role: "delta", terms };
  const parts = layerParts("layer", form);
  const operands = parts.map(({ info: { dtype, shape } }, index): Operand =>
    dtype === "I32" ? fixed(randomMask(index, shape[0], shape[1])) : normals(index, ...shape)
  );
  testSame({
    name: `a layer of ${name}`,
    operands: [normals(90, rows, inSize), normals(91, outSize, inSize), ...operands],
    bound: 1e-5,
    build: (x: Value, weight: Value, ...values: Value[]) => {
      const base = matmul(x, weight, { transposeSecond: true });
      const partOf = ({ entry }: { entry: string }) =>
        values[parts.findIndex((each) => each.entry === entry)];
      return layerProduct(base, x, "layer", form, partOf);
    },
  });
}
