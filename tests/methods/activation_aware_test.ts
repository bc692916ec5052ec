import assert from "node:assert/strict";
import {
  activationAware,
  type ActivationAwareSettings,
} from "../../lib/methods/activation_aware.ts";
import { collectActivations } from "../../lib/methods/activations.ts";
import { compress } from "../../lib/methods/compress.ts";
import { resolveMethod } from "../../lib/methods/mod.ts";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { linearLayerNames, tensorNames } from "../../lib/checkpoint/weights.ts";
import type { Delta } from "../../lib/delta/delta.ts";
import { readDeltaMatrix } from "../../lib/delta/difference.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import type { Progress, Watch } from "../../lib/util/progress.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { matmul } from "../graph/plain/matrix.ts";
import { engine } from "./oracle_pair.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";

const sequences = randomSequences([9, 4, 6, 9, 2], 9, TINY_CONFIG.vocabularySize, 3);
const layers = linearLayerNames(TINY_CONFIG);

const method = activationAware.name;
const [corrected, studyFaithful] = Object.keys(activationAware.variants).map((variant) =>
  // The schema that they were held to is that of this type.
  resolveMethod({ method, variant }).settings as ActivationAwareSettings
);

/** Calibrates a tiny pair on {@linkcode sequences}. */
async function calibrate(
  { base, fine }: TinyPair,
  settings: ActivationAwareSettings,
  watch?: Watch,
) {
  return (await compress(engine, base, fine, { method, settings }, sequences, watch)).delta;
}

async function scaleOf(delta: Delta, layer: string): Promise<number> {
  return toFloat32((await delta.readLayer(layer)).terms[0].parts.coeff)[0];
}

/** |tr(ΔCSᵀ) / tr(SCSᵀ)| as the study has it: C and both `[out, out]` products formed, in float64. */
function traceScale(
  inputs: Float64Array,
  rows: number,
  delta: Float64Array,
  { centred, zero }: Pick<ActivationAwareSettings, "centred" | "zero">,
): number {
  const inner = inputs.length / rows;
  const outer = delta.length / inner;
  const mean = Float64Array.from({ length: inner }, (_, column) => {
    const values = inputs.filter((_, at) => at % inner === column);
    return centred ? values.reduce((sum, each) => sum + each, 0) / rows : 0;
  });
  const x = inputs.map((each, at) => each - mean[at % inner]);
  const covariance = matmul(x, x, {
    rows: inner,
    inner: rows,
    columns: inner,
    transposeFirst: true,
  }).map((each) => each / (rows - 1));
  const signs = delta.map((each) => each === 0 ? zero : Math.sign(each));
  const trace = (left: Float64Array) => {
    const half = matmul(left, covariance, { rows: outer, inner, columns: inner });
    const sizes = { rows: outer, inner, columns: outer, transposeSecond: true };
    const product = matmul(half, signs, sizes);
    return product.reduce((sum, each, at) => at % (outer + 1) === 0 ? sum + each : sum, 0);
  };
  return Math.abs(trace(delta) / trace(signs));
}

for (const [name, variant] of Object.entries({ studyFaithful, corrected })) {
  Deno.test(`${name}: scales are the ratio of traces over a covariance`, async () => {
    await using pair = await tinyPair();
    const settings = { ...variant, rows: 20 };
    const calibrated = await calibrate(pair, settings);
    await collectActivations(engine, pair.fine, sequences, settings, async (seen) => {
      const [read] = await engine.read([seen.inputs]);
      const inputs = Float64Array.from(read);
      for (const layer of seen.layers) {
        const delta = Float64Array.from(await readDeltaMatrix(pair.base, pair.fine, layer));
        const expected = traceScale(inputs, seen.rows, delta, settings);
        assertWithin(relativeError([await scaleOf(calibrated, layer)], [expected]), 1e-6, layer);
      }
    });
  });
}

/** A pair whose first layer sees only equal numbers and has `row` as each row of its delta. */
function pairOfEqualInputs(row: readonly number[], normWeight = 1) {
  const first = `${layers[0]}.weight`;
  return tinyPair({
    base: (tensor, values) => {
      if (tensor === first) values.fill(0);
    },
    fine: (tensor, values) => {
      if (tensor === first) values.forEach((_, at) => values[at] = row[at % row.length]);
      if (tensor === "model.embed_tokens.weight") values.fill(1);
      if (tensor.endsWith("layers.0.input_layernorm.weight")) values.fill(normWeight);
    },
  });
}

// With equal inputs, α = Σ row · Σ signs / (Σ signs)², which is done by hand.
const byHand = [
  { name: "zeros count as nothing", row: [4, ...Array(11).fill(0)], zero: 0, scale: 4 },
  { name: "zeros count as +1", row: [4, ...Array(11).fill(0)], zero: 1, scale: 1 / 3 },
  { name: "a scale is a size", row: [5, ...Array(11).fill(-0.25)], zero: 1, scale: 0.225 },
] as const;

for (const { name, row, zero, scale } of byHand) {
  Deno.test(`by hand: ${name}`, async () => {
    await using pair = await pairOfEqualInputs(row);
    const settings = { ...corrected, rows: 5, zero };
    const calibrated = await calibrate(pair, settings);
    assertWithin(relativeError([await scaleOf(calibrated, layers[0])], [scale]), 1e-6, name);
  });
}

Deno.test("a layer that sees only zeros has no scale", async () => {
  await using pair = await pairOfEqualInputs(byHand[0].row, 0);
  await assert.rejects(calibrate(pair, { ...corrected, rows: 5 }), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(
      error.message,
      /layers\.0\.self_attn\.q_proj.*got 'NaN'; expected a finite 32-bit float/,
    );
    return true;
  });
});

Deno.test("progress names each layer, and a signal stops the calibration", async () => {
  await using pair = await tinyPair();
  const settings = { ...studyFaithful, rows: 45 };
  const seen: Progress[] = [];
  await calibrate(pair, settings, { onProgress: (report) => seen.push(report) });
  const total = layers.length;
  const reported = seen.map(({ done, total, resumed, label }) => ({ done, total, resumed, label }));
  const expected = layers.map((label, index) => ({ done: index + 1, total, resumed: 0, label }));
  assert.deepEqual(reported, expected);
  // Each layer moves its bytes in both checkpoints, in four bytes a number; whole tensors move the others.
  const numbers = (tensor: string) => pair.fine.info(tensor).shape.reduce((a, b) => a * b);
  const moved = seen.map(({ bytes }) => bytes!.done);
  const steps = layers.slice(1).map((name) => 8 * numbers(`${name}.weight`));
  assert.deepEqual(moved.slice(1).map((bytes, index) => bytes - moved[index]), steps);
  const all = tensorNames(pair.fine.config).reduce((sum, tensor) => sum + 8 * numbers(tensor), 0);
  assert.ok(seen.every(({ bytes }) => bytes!.total === all && bytes!.done <= all));

  const controller = new AbortController();
  const reason = new Error("enough");
  const stopped = calibrate(pair, settings, {
    signal: controller.signal,
    onProgress: ({ done }) => {
      assert.ok(done <= 7, "no second layer of the decoder");
      controller.abort(reason);
    },
  });
  await assert.rejects(stopped, reason);
});

Deno.test("only scales differ from those of the initial delta, and the settings are told", async () => {
  await using pair = await tinyPair();
  const settings = { ...corrected, rows: 12 };
  const calibrated = await calibrate(pair, settings);
  assert.deepEqual(calibrated.metadata, { ...pair.initial.metadata, method, settings });
  for (const tensor of pair.initial.whole.keys()) {
    assert.deepEqual(await calibrated.readWhole(tensor), await pair.initial.readWhole(tensor));
  }
  for (const layer of layers) {
    const [before, after] = await Promise.all(
      [pair.initial, calibrated].map((delta) => delta.readLayer(layer)),
    );
    assert.deepEqual(after.terms[0].parts.mask, before.terms[0].parts.mask);
    assert.notEqual(await scaleOf(calibrated, layer), await scaleOf(pair.initial, layer));
  }
});
