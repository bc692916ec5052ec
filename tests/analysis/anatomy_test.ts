import assert from "node:assert/strict";
import { deltaAnatomy } from "../../lib/analysis/anatomy.ts";
import { matrixStatistics } from "../../lib/analysis/matrix_statistics.ts";
import { linearLayerNames, linearShape } from "../../lib/checkpoint/weights.ts";
import { readDeltaMatrix } from "../../lib/delta/difference.ts";
import { tinyPair } from "../methods/tiny_pair.ts";
import { near } from "./near.ts";

const changed = "model.layers.0.mlp.up_proj";

Deno.test("an anatomy has every linear layer, in order, with its own numbers", async () => {
  await using pair = await tinyPair();
  const { base, fine } = pair;
  const labels: string[] = [];
  const layers = await deltaAnatomy(base, fine, {
    onProgress: ({ label }) => labels.push(label),
  });
  const names = linearLayerNames(fine.config);
  assert.deepEqual(layers.map(({ layer }) => layer), names);
  assert.deepEqual(labels, names);
  for (const { layer, shape, statistics, relativeNorm, histogram, energyShares } of layers) {
    assert.deepEqual(shape, linearShape(fine.config, layer));
    const delta = await readDeltaMatrix(base, fine, layer);
    assert.deepEqual(statistics, matrixStatistics(delta));
    const weights = await base.readFloat32(`${layer}.weight`);
    const norm = (values: Float32Array) => Math.hypot(...values);
    near(relativeNorm, norm(delta) / norm(weights), 1e-6, layer);
    assert.equal(
      histogram.counts.reduce((sum, each) => sum + each, histogram.beyond),
      shape[0] * shape[1],
    );
    // Tiny layers have fewer values than are asked for: all of the energy is there.
    assert.equal(energyShares.length, Math.min(32, ...shape));
    if (Math.min(...shape) <= 32) near(energyShares.at(-1)!, 1, 1e-9, layer);
  }
});

Deno.test("a change of rank one to one layer shows in its spectrum and signs", async () => {
  const copy = (values: Float32Array) => values.fill(0.5);
  await using pair = await tinyPair({
    base: (_, values) => void copy(values),
    fine: (tensor, values) => {
      copy(values);
      // Adds 1/4 everywhere but in that layer, where even entries lose what odd ones gain.
      const even = tensor === `${changed}.weight` ? -0.25 : 0.25;
      values.forEach((_, at) => values[at] += at % 2 === 0 ? even : 0.25);
    },
  });
  for (
    const { layer, relativeNorm, statistics, signs, energyShares } of await deltaAnatomy(
      pair.base,
      pair.fine,
      { leading: 2 },
    )
  ) {
    near(relativeNorm, 0.5, 1e-6, layer);
    assert.equal(statistics.energyKept, 1, layer);
    assert.equal(signs.overall, layer === changed ? 1 : 0, layer);
    assert.equal(signs.byColumn, 0, layer);
    near(energyShares[0], 1, 1e-9, layer);
  }
});

Deno.test("layers that were not changed are left out", async () => {
  const frozen = /self_attn|layers\.1/;
  const constant = (tensor: string, values: Float32Array) => {
    if (frozen.test(tensor)) values.fill(1);
  };
  await using pair = await tinyPair({ base: constant, fine: constant });
  const layers = await deltaAnatomy(pair.base, pair.fine);
  assert.deepEqual(
    layers.map(({ layer }) => layer),
    ["gate", "up", "down"].map((kind) => `model.layers.0.mlp.${kind}_proj`),
  );
});

Deno.test("it stops when told to", async () => {
  await using pair = await tinyPair();
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(deltaAnatomy(pair.base, pair.fine, { signal }), /enough/);
});
