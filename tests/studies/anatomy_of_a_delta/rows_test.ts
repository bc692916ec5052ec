import assert from "node:assert/strict";
import type { LayerAnatomy } from "../../../lib/analysis/anatomy.ts";
import { deltaAnatomy } from "../../../lib/analysis/anatomy.ts";
import {
  anatomyRecords,
  deltaDensityRows,
  layerProfileRows,
} from "../../../lib/studies/anatomy_of_a_delta/rows.ts";
import { deltaDistributionFigure } from "../../../lib/studies/anatomy_of_a_delta/delta_distribution.ts";
import { layerProfileFigure } from "../../../lib/studies/anatomy_of_a_delta/layer_profile.ts";
import { layerKinds } from "../../../lib/studies/anatomy_of_a_delta/layer_kind.ts";
import { ReportError } from "../../../lib/figures/figure.ts";
import { tinyPair } from "../../methods/tiny_pair.ts";

async function tinyAnatomy(): Promise<LayerAnatomy[]> {
  await using pair = await tinyPair();
  return await deltaAnatomy(pair.base, pair.fine);
}

Deno.test("densities are by kind, all layers of a kind together, and can be drawn", async () => {
  const layers = await tinyAnatomy();
  const rows = deltaDensityRows("a → b", layers);
  for (const kind of layerKinds) {
    const bins = rows.filter((row) => row.kind === kind);
    const own = layers.filter(({ layer }) => layer.endsWith(`.${kind}_proj`));
    assert.equal(own.length, 2);
    // The middle bins hold what the layers' own do, by the number of all entries.
    const count = own.reduce((sum, { histogram }) => sum + histogram.counts[30], 0);
    const all = own.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
    const { from, to, density, pair } = bins[30];
    assert.ok(Math.abs(density * (to - from) - count / all) < 1e-12, kind);
    assert.equal(pair, "a → b");
  }
  assert.equal(deltaDistributionFigure(rows).data.length, 7);
});

Deno.test("a kind without layers has no density", async () => {
  const layers = (await tinyAnatomy()).filter(({ layer }) => !layer.includes("mlp"));
  const kinds = new Set(deltaDensityRows("a → b", layers).map(({ kind }) => kind));
  assert.deepEqual([...kinds], ["q", "k", "v", "o"]);
});

Deno.test("a profile has a row a layer, by its place", () => {
  const rows = layerProfileRows("a → b", new Map([["model.layers.2.mlp.up_proj", 0.5]]));
  const place = { pair: "a → b", layer: 2, kind: "up" };
  assert.deepEqual(rows, [{ ...place, value: 0.5, low: null, high: null }]);
  assert.equal(layerProfileFigure(rows, { quantity: "Half" }).data.length, 1);
  assert.throws(() => layerProfileRows("a → b", [["model.norm", 1]]), ReportError);
});

Deno.test("records have the numbers of their layer, and the order of its kind", async () => {
  const layers = await tinyAnatomy();
  const records = anatomyRecords(layers);
  assert.deepEqual(records.slice(0, 7).map(({ kind }) => kind), layerKinds);
  assert.deepEqual(records.slice(7).map(({ order }) => order), [0, 1, 2, 3, 4, 5, 6]);
  records.forEach((record, at) => {
    const { shape, statistics, signs, energyShares } = layers[at];
    assert.deepEqual([record.outputs, record.inputs], shape);
    assert.equal(record.energyKept, statistics.energyKept);
    assert.equal(record.entropyByRow, signs.byRow);
    assert.equal(record.energyOfFirst, energyShares[0]);
  });
});
