/** The method `gptq` against a plain one in float64, and what is known of it. */

import assert from "node:assert/strict";
import { float32Tensor } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { integers } from "../../lib/codecs/integers.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { gptq, type GptqSettings } from "../../lib/methods/gptq.ts";
import { GroupWork } from "../../lib/methods/group_work.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { inverse } from "../graph/linear_algebra/plain.ts";
import { nearest, plainRounding, rangeOf } from "../codecs/plain_integers.ts";

const engine = onnxEngine({ threads: 1 });
const usual = { rows: 1, padding: "left out", damping: 0.01, bits: 4, group: 32 } as const;

/** Ŵ of W with inputs X, through a compression of the layer. */
async function compressed(
  weights: Float32Array,
  x: Float32Array,
  shape: LinearShape,
  settings: GptqSettings,
): Promise<Float32Array> {
  await using programs = new ProgramCache(engine);
  await using group = new GroupWork();
  const fine = float32Tensor(weights, shape);
  const inputs = await engine.place(x);
  const signs = { mask: new Int32Array(0), meanMagnitude: 0 };
  const layer = { name: "a", shape, base: fine, fine, signs, group };
  const made = await gptq.compress(
    { ...layer, fineInputs: inputs, compressedInputs: inputs },
    settings,
    engine,
    programs,
    {},
  );
  assert.equal(made.role, "weight");
  return integers.decode(made.terms[0].parts, shape, made.terms[0].form);
}

/**
 * Optimal brain quantisation in a fixed order, from its definition: the inverse of the second moments of the inputs
 * that are left, without any factor.
 */
function plainGptq(
  weights: Float32Array,
  x: Float32Array,
  [outSize, inSize]: LinearShape,
  { bits, group, ordered, damping }: GptqSettings,
): Float64Array {
  const tokens = x.length / inSize;
  const h = Array.from(
    { length: inSize },
    (_, i) =>
      Float64Array.from({ length: inSize }, (_, j) => {
        let sum = 0;
        for (let t = 0; t < tokens; t++) sum += x[t * inSize + i] * x[t * inSize + j] / tokens;
        return sum;
      }),
  );
  const mean = h.reduce((sum, row, i) => sum + row[i], 0) / inSize;
  const order = [...h.keys()];
  if (ordered) order.sort((a, b) => h[b][b] - h[a][a]);
  h.forEach((row, i) => row[i] += damping * mean);
  const result = new Float64Array(outSize * inSize);
  const w = Array.from(
    { length: outSize },
    (_, o) => Float64Array.from(order, (i) => weights[o * inSize + i]),
  );
  const ranges: { scale: number; zero: number; most: number }[] = [];
  let inverted = inverse(order.map((a) => Float64Array.from(order, (b) => h[a][b])));
  for (let j = 0; j < inSize; j++) {
    for (let o = 0; o < outSize; o++) {
      if (j % group === 0) ranges[o] = rangeOf([...w[o].subarray(j, j + group)], bits, "F16");
      const { scale, zero, most } = ranges[o];
      const q = Math.min(most, Math.max(0, nearest(w[o][j] / scale) + zero));
      const rounded = scale * (q - zero);
      result[o * inSize + order[j]] = rounded;
      const wrong = (w[o][j] - rounded) / inverted[0][0];
      for (let k = j; k < inSize; k++) w[o][k] -= wrong * inverted[0][k - j];
    }
    // The inverse of what is left when the first is gone.
    const [first, ...others] = inverted;
    inverted = others.map((row) =>
      row.map((each, k) => each - row[0] * first[k] / first[0]).slice(1)
    );
  }
  return result;
}

function layer(seed: number, shape: LinearShape, tokens: number) {
  const random = new SeededRandom(seed);
  const [outSize, inSize] = shape;
  const sizes = Array.from({ length: inSize }, () => 0.2 + 3 * random.uniform());
  const shared = Array.from({ length: tokens }, () => random.normal());
  const x = Float32Array.from(
    { length: tokens * inSize },
    (_, at) => sizes[at % inSize] * (random.normal() + shared[Math.floor(at / inSize)]),
  );
  const weights = Float32Array.from({ length: outSize * inSize }, () => random.normal());
  return { x, weights };
}

for (const ordered of [true, false]) {
  Deno.test(`of every weight the rounded one is that of the plain method, ordered: ${ordered}`, async () => {
    const shape: LinearShape = [6, 150];
    const { x, weights } = layer(5, shape, 300);
    const settings = { ...usual, ordered };
    const found = await compressed(weights, x, shape, settings);
    const expected = plainGptq(weights, x, shape, settings);
    const apart = found.filter((value, at) => Math.abs(value - expected[at]) > 1e-3);
    // A tie that falls the other way moves what comes after it: none does here.
    assert.equal(apart.length, 0, `${apart.length} of ${found.length}`);
  });
}

Deno.test("outputs are nearer than of weights rounded by themselves, over several blocks", async () => {
  const shape: LinearShape = [5, 300];
  const [outSize, inSize] = shape;
  const { x, weights } = layer(6, shape, 400);
  const errorOf = (rounded: Float32Array) => {
    let error = 0;
    for (let t = 0; t < 400; t++) {
      for (let o = 0; o < outSize; o++) {
        let sum = 0;
        for (let i = 0; i < inSize; i++) {
          sum += x[t * inSize + i] * (rounded[o * inSize + i] - weights[o * inSize + i]);
        }
        error += sum ** 2;
      }
    }
    return error;
  };
  const plain = errorOf(plainRounding(weights, shape, { bits: 4, group: 32, type: "F16" }));
  for (const ordered of [true, false]) {
    const found = errorOf(await compressed(weights, x, shape, { ...usual, ordered }));
    assert.ok(found < 0.7 * plain, `${found} against ${plain}`);
  }
});

Deno.test("inputs that do not know each other leave each weight to be rounded by itself", async () => {
  const shape: LinearShape = [4, 40];
  const { weights } = layer(7, shape, 1);
  const x = Float32Array.from({ length: 40 * 40 }, (_, at) => at % 41 === 0 ? 1 : 0);
  const found = await compressed(weights, x, shape, { ...usual, ordered: true });
  const expected = plainRounding(weights, shape, { bits: 4, group: 32, type: "F16" });
  found.forEach((value, at) => assert.ok(Math.abs(value - expected[at]) < 1e-6, `${at}`));
});

Deno.test("dead inputs, one token, zero rows and one weight give finite numbers", async () => {
  const dead = layer(8, [3, 33], 1);
  for (let i = 0; i < 20; i++) dead.x[i] = 0;
  dead.weights.fill(0, 0, 33);
  const cases: [Float32Array, Float32Array, LinearShape][] = [
    [dead.weights, dead.x, [3, 33]],
    [dead.weights, new Float32Array(33), [3, 33]],
    [Float32Array.of(0.3), Float32Array.of(2), [1, 1]],
  ];
  for (const [weights, x, shape] of cases) {
    const found = await compressed(weights, x, shape, { ...usual, ordered: true });
    const error = Math.max(...found.map((value, at) => Math.abs(value - weights[at])));
    assert.ok(found.every(Number.isFinite));
    assert.ok(error < 1, `${error}`);
  }
});
