/** Every form of every codec, alone and summed: decoded, as a product in a graph, and its gradients. */

import assert from "node:assert/strict";
import { float32Tensor, isFloatType, toFloat32, toInt32 } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { Codec, CompressedLayer, LayerForm } from "../../lib/codecs/codec.ts";
import { formOf, layerBytes, layerParts, layerProduct } from "../../lib/codecs/layer.ts";
import { codecs, findCodec } from "../../lib/codecs/mod.ts";
import { signs } from "../../lib/codecs/signs.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, type Numbers, type Value } from "../../lib/graph/graph.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { decodeLayer } from "./decode_layer.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { finiteDifferences } from "../graph/finite_difference.ts";
import { matmul as plainMatmul } from "../graph/plain/matrix.ts";
import { withLowRank } from "./low_rank.ts";
import { plainMatrix, randomLayer } from "./random_layer.ts";

const ROWS = 3;
const shape: LinearShape = [7, 40];
const [outSize, inSize] = shape;
const BOUND = 1e-6;

const ofSigns = (scale: string) => ({ codec: "signs", form: { scale } });
const ofRank = (rank: number, half = false) => ({ codec: "test low rank", form: { rank, half } });
const forms: Record<string, LayerForm["terms"]> = {
  "signs with a scalar": [ofSigns("scalar")],
  "signs with a row vector": [ofSigns("row")],
  "signs with a column vector": [ofSigns("column")],
  "signs with row and column": [ofSigns("row and column")],
  "signs with 16-bit vectors": [{
    codec: "signs",
    form: { scale: "row and column", type: "F16" },
  }],
  "two masks": [ofSigns("scalar"), ofSigns("row")],
  "three masks": [ofSigns("scalar"), ofSigns("scalar"), ofSigns("column")],
  "trits with a scalar": [{ codec: "ternary", form: { scale: "scalar" } }],
  "trits with a row vector": [{ codec: "ternary", form: { scale: "row" } }],
  "low rank of three bits": [{ codec: "rounded-low-rank", form: { rank: 5, bits: 3 } }],
  "low rank in float32": [{ codec: "low-rank", form: { rank: 1, type: "F32" } }],
  "low rank in float16": [{ codec: "low-rank", form: { rank: 5, type: "F16" } }],
  "low rank": [ofRank(2)],
  "low rank in bfloat16": [ofRank(3, true)],
  "signs and low rank": [ofSigns("row and column"), ofRank(2)],
};

/** x · (W + Σ M)ᵀ as a graph, with the base's weights where the layer is added to them. */
function graphOf(layer: CompressedLayer) {
  const x = input("x", [ROWS, inSize]);
  const weight = input("weight", [outSize, inSize]);
  const dense = layer.role === "delta" ? matmul(x, weight, { transposeSecond: true }) : null;
  const parts = new Map<string, Value>();
  const output = layerProduct(dense, x, "layer", layer, ({ entry, info }) => {
    const value = parts.get(entry) ??
      input(entry, info.shape, isFloatType(info.dtype) ? "f32" : "i32");
    parts.set(entry, value);
    return value;
  });
  return { output, x, parts };
}

function feedsOf(layer: CompressedLayer): Record<string, Numbers> {
  return Object.fromEntries(
    layerParts("layer", layer).map(({ entry, term, part }) => {
      const tensor = layer.terms[term].parts[part];
      return [entry, isFloatType(tensor.dtype) ? toFloat32(tensor) : toInt32(tensor)];
    }),
  );
}

const random = new SeededRandom(5);
const floats = (count: number) =>
  Float32Array.from({ length: count }, () => random.uniform() - 0.5);
const engine = onnxEngine({ threads: 1 });

for (const [name, terms] of Object.entries(forms)) {
  for (const role of ["delta", "weight"] as const) {
    Deno.test(`${name}, as ${role}: decoded and as a product, it is its definition`, async () => {
      using _codec = withLowRank();
      const layer = randomLayer({ shape, role, terms }, random);
      const [x, weight] = [floats(ROWS * inSize), floats(outSize * inSize)];
      const matrix = plainMatrix(layer);
      if (role === "delta") weight.forEach((value, at) => matrix[at] += value);
      const decoded = decodeLayer(layer, role === "delta" ? weight : undefined);
      assertWithin(relativeError(decoded, matrix), BOUND, "decoded");

      const { output, parts } = graphOf(layer);
      const program = await engine.compile({ output });
      const found = await program.run({ x, weight, ...feedsOf(layer) });
      const sizes = { rows: ROWS, inner: inSize, columns: outSize, transposeSecond: true };
      const expected = plainMatmul(Float64Array.from(x), matrix, sizes);
      assertWithin(relativeError(found.output, expected), BOUND, "product");
      await program.release();
      assert.deepEqual([...parts.keys()].sort(), Object.keys(feedsOf(layer)).sort());
    });
  }

  Deno.test(`${name}: gradients of what can be trained are finite differences`, async () => {
    using _codec = withLowRank();
    const layer = randomLayer({ shape, role: "weight", terms }, random);
    const [x, upstream] = [floats(ROWS * inSize), floats(ROWS * outSize)];
    const { output, parts } = graphOf(layer);
    const trainable = layerParts("layer", layer).filter((part) => part.trainable);
    assert.ok(trainable.length >= terms.length);
    const found = gradient(
      output,
      trainable.map(({ entry }) => parts.get(entry)!),
      input("upstream", [ROWS, outSize]),
    );
    const outputs = Object.fromEntries(trainable.map(({ entry }, at) => [entry, found[at]]));
    const program = await engine.compile(outputs);
    const results = await program.run({ x, upstream, ...feedsOf(layer) });
    const sizes = { rows: ROWS, inner: inSize, columns: outSize, transposeSecond: true };
    for (const { entry, term, part } of trainable) {
      const loss = (moved: Float64Array) => {
        const values = { dtype: "F32", shape: [moved.length] } as const;
        // In float32 a step of 1e-5 would be lost: the sum is linear in each part by itself.
        const changed = new Float32Array(moved);
        const rest = moved.map((value, at) => value - changed[at]);
        const withValues = (numbers: Float32Array) => {
          const bytes = new Uint8Array(numbers.buffer);
          const parts = { ...layer.terms[term].parts, [part]: { ...values, bytes } };
          const product = plainMatmul(
            Float64Array.from(x),
            plainMatrix({ ...layer, terms: [{ ...layer.terms[term], parts }] }),
            sizes,
          );
          return product.reduce((sum, value, at) => sum + value * upstream[at], 0);
        };
        return withValues(changed) + withValues(new Float32Array(rest));
      };
      const values = Float64Array.from(toFloat32(layer.terms[term].parts[part]));
      const expected = finiteDifferences(loss, values, undefined, 1e-3);
      assertWithin(relativeError(results[entry], expected), 1e-4, entry);
    }
    await program.release();
  });
}

Deno.test("a scalar's product is the graph that the study's layers always had", () => {
  const { output } = graphOf(
    randomLayer({ shape, role: "delta", terms: [ofSigns("scalar")] }, random),
  );
  const text = (value: Value): string =>
    value.name ?? `${value.operation}(${value.inputs.map(text).join(", ")})`;
  assert.equal(
    text(output),
    "add(matmul(x, weight), multiply(signMatmul(x, layer.mask), layer.coeff))",
  );
});

Deno.test("parts are named by layer, term and part, and their bytes counted from the layout", () => {
  using _codec = withLowRank();
  const terms = [ofSigns("scalar"), ofSigns("row and column"), ofRank(2, true)];
  const form: LayerForm = { shape, role: "delta", terms };
  assert.deepEqual(layerParts("a.b", form).map(({ entry }) => entry), [
    ...["a.b.mask", "a.b.coeff", "a.b.1.mask", "a.b.1.row", "a.b.1.column"],
    ...["a.b.2.left", "a.b.2.right"],
  ]);
  const mask = 4 * outSize * 2;
  assert.equal(
    layerBytes(form),
    mask + 4 + mask + 4 * (outSize + inSize) + 2 * 2 * (outSize + inSize),
  );
});

Deno.test("two layers alike are alike in whatever order their forms are written", () => {
  const [one, other] = [{ rank: 2, half: true }, { half: true, rank: 2 }].map((form) =>
    JSON.stringify(formOf({ shape, role: "delta", terms: [{ codec: "any", form }] }))
  );
  assert.equal(one, other);
});

Deno.test("a codec that is not known, and a form that is none, are named with what there is", () => {
  const refused = (terms: LayerForm["terms"], message: RegExp) =>
    assert.throws(() => layerParts("x", { shape, role: "delta", terms }), (error) => {
      assert.ok(error instanceof DeltaError);
      return message.test(error.message);
    });
  refused([ofRank(2)], /'codec': is no codec.*'test low rank'; expected signs/);
  refused([{ codec: "signs", form: {} }], /no form of the codec 'signs': got \{\}; expected/);
  refused(
    [{ codec: "signs", form: { scale: "row", type: "BF16" } }],
    /type.*BF16.*type 'F16' or none/,
  );
  refused([ofSigns("both")], /got \{scale: 'both'\}.*scalar, row, column, row and column/);
  refused([{ codec: "signs", form: { scale: "row", rank: 1 } }], /no form of the codec/);
  refused([{ codec: "signs", form: { scale: "toString" } }], /no form of the codec/);
  refused([], /'x': has no terms/);
});

Deno.test("a codec may return the memory of a part: it stays as it is", () => {
  const plain: Codec = {
    name: "test plain",
    module: import.meta.url,
    trainable: ["values"],
    layout: (shape) => ({ values: { dtype: "F32", shape } }),
    product: (x, part) => matmul(x, part("values"), { transposeSecond: true }),
    decode: ({ values }) => toFloat32(values),
  };
  codecs.push(plain);
  try {
    const values = float32Tensor(Float32Array.of(1, 2), [1, 2]);
    const terms = [1, 2].map(() => ({ codec: plain.name, form: {}, parts: { values } }));
    const layer = { shape: [1, 2] as LinearShape, role: "delta" as const, terms };
    assert.deepEqual(decodeLayer(layer, Float32Array.of(10, 20)), Float32Array.of(12, 24));
    decodeLayer(layer).fill(0);
    assert.deepEqual(toFloat32(values), Float32Array.of(1, 2));
  } finally {
    codecs.pop();
  }
});

Deno.test("a part may not be named as a tensor is, nor as a term", () => {
  for (const part of ["weight", "1", "a.b", ""]) {
    const named = {
      ...signs,
      name: "test named",
      layout: () => ({ [part]: { dtype: "F32", shape: [] } as const }),
    };
    codecs.push(named);
    try {
      const terms = [{ codec: named.name, form: {} }];
      assert.throws(() => layerParts("x", { shape, role: "delta", terms }), (error) => {
        assert.ok(error instanceof DeltaError);
        return /'x': the codec 'test named' has a part of a name/.test(error.message);
      });
    } finally {
      codecs.pop();
    }
  }
});

Deno.test("the list of codecs is what is asked: one that is added is found, one removed is not", () => {
  assert.equal(findCodec("signs"), signs);
  {
    using _codec = withLowRank();
    assert.equal(findCodec("test low rank"), codecs.at(-1));
  }
  assert.throws(() => findCodec("test low rank"), DeltaError);
});
