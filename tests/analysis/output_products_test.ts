import assert from "node:assert/strict";
import { layerInputs } from "../../lib/analysis/layer_inputs.ts";
import {
  bestScale,
  outputError,
  outputProducts,
  productsOf,
} from "../../lib/analysis/output_products.ts";
import { innerProduct, linearOutputs } from "../../lib/analysis/plain_products.ts";
import { activationAware } from "../../lib/methods/activation_aware.ts";
import { compress } from "../../lib/methods/compress.ts";
import { linearLayerNames, linearShape } from "../../lib/checkpoint/weights.ts";
import { readDeltaMatrix } from "../../lib/delta/difference.ts";
import { OptionError, TextError } from "../../lib/util/errors.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { tinyPair } from "../methods/tiny_pair.ts";
import { near } from "./near.ts";
import { scalesOf } from "../delta/signs_of_layers.ts";

const engine = onnxEngine({ threads: 1 });
/** Of 16 tokens each: two of them padded, 38 real tokens in all. */
const sequences = randomSequences([16, 10, 12], 16, 11, 5);
const settings = { rows: 20, padding: "left out" } as const;

Deno.test("output products are those of the layer's inputs with Δ and its signs", async () => {
  await using pair = await tinyPair();
  const { base, fine } = pair;
  const products = await outputProducts(engine, base, fine, sequences, settings);
  assert.deepEqual([...products.keys()], linearLayerNames(fine.config));
  for (const [layer, measured] of products) {
    const shape = linearShape(fine.config, layer);
    const x = await layerInputs(engine, fine, sequences, layer, settings);
    assert.equal(x.length, settings.rows * shape[1]);
    const delta = await readDeltaMatrix(base, fine, layer);
    const u = linearOutputs(x, delta, shape);
    const v = linearOutputs(x, delta.map((each) => each < 0 ? -1 : 1), shape);
    const expected = [innerProduct(u, u), innerProduct(u, v), innerProduct(v, v)];
    assert.deepEqual(Object.values(productsOf(u, v)), expected);
    [measured.delta, measured.cross, measured.signs].forEach((value, at) =>
      near(value, expected[at], 1e-4 * Math.sqrt(expected[0] * expected[2]), layer)
    );
    // The error at a scale is the distance it stands for, relative to what the delta does.
    const lost = u.map((each, at) => each - 0.01 * v[at]);
    near(outputError(measured, 0.01), innerProduct(lost, lost) / expected[0], 1e-4, layer);
  }
});

Deno.test("the best scale is the corrected activation-aware one, and no other loses less", async () => {
  await using pair = await tinyPair();
  const { base, fine } = pair;
  const choice = { method: activationAware.name, settings: { rows: settings.rows } };
  const { delta: calibrated } = await compress(engine, base, fine, choice, sequences);
  const products = await outputProducts(engine, base, fine, sequences, settings);
  for (const [layer, scale] of await scalesOf(calibrated)) {
    const measured = products.get(layer)!;
    near(bestScale(measured) / scale, 1, 1e-4, layer);
    const least = outputError(measured, bestScale(measured));
    for (const factor of [0.9, 1.1]) {
      assert.ok(outputError(measured, factor * bestScale(measured)) > least, layer);
    }
  }
});

Deno.test("a delta of one magnitude loses nothing at it, and all at a scale of zero", () => {
  // U = 2 V.
  const products = { delta: 4 * 7, cross: 2 * 7, signs: 7 };
  assert.deepEqual([2, 0].map((scale) => outputError(products, scale)), [0, 1]);
  assert.equal(bestScale(products), 2);
});

Deno.test("reports after each layer, and stops when told to", async () => {
  await using pair = await tinyPair();
  const { base, fine } = pair;
  const labels: string[] = [];
  const controller = new AbortController();
  const run = outputProducts(engine, base, fine, sequences, settings, {
    signal: controller.signal,
    onProgress: ({ label, done }) => {
      labels.push(label);
      if (done === 7) controller.abort(new Error("enough"));
    },
  });
  await assert.rejects(run, /enough/);
  assert.deepEqual(labels, linearLayerNames(fine.config).slice(0, labels.length));
  assert.ok(labels.length < linearLayerNames(fine.config).length);
});

Deno.test("inputs of a layer that is not there, or of more rows than there are, are refused", async () => {
  await using pair = await tinyPair();
  const inputsOf = (layer: string, rows: number) =>
    layerInputs(engine, pair.fine, sequences, layer, { ...settings, rows });
  await assert.rejects(
    inputsOf("model.norm", 4),
    (error) => error instanceof OptionError && /'layer'.*got 'model.norm'/.test(error.message),
  );
  await assert.rejects(inputsOf("model.layers.0.mlp.up_proj", 10_000), TextError);
});

Deno.test("plain products refuse sizes that do not fit", () => {
  const three = new Float32Array(3);
  assert.throws(() => linearOutputs(three, new Float32Array(4), [2, 2]), RangeError);
  assert.throws(() => linearOutputs(new Float32Array(4), three, [2, 2]), RangeError);
  assert.throws(() => innerProduct(three, new Float32Array(4)), RangeError);
  assert.deepEqual(
    linearOutputs(Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 0, 1, 1, -1, 2), [3, 2]),
    Float32Array.of(1, 3, 3, 3, 7, 5),
  );
});
