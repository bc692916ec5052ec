/** Distillation a layer at a time against the study's own loop, and against the whole model at once. */

import assert from "node:assert/strict";
import { distill, studyDistillation } from "../../lib/methods/distillation.ts";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { oracleJson } from "../oracle.ts";
import { engine, openPair, oracleSequences } from "../methods/oracle_pair.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { tinyPair } from "../methods/tiny_pair.ts";
import { scalesOf } from "../delta/signs_of_layers.ts";

const settings = { ...studyDistillation, steps: 5, batch: 4 };

Deno.test("layer by layer, a distillation is the oracle's", async () => {
  using pair = await openPair("B", "f32");
  const { base, fine, initial } = pair;
  const { orig } = await oracleJson<
    Record<string, { loss: number[] }>
  >("B", "distill.json");
  const sequences = await oracleSequences("distill");
  const execution = "layer by layer";
  const run = await distill(engine, base, fine, initial, sequences, { ...settings, steps: 20 }, {
    execution,
  });
  assert.equal(run.execution, execution);
  assertWithin(relativeError(run.losses, orig.loss), 1e-5, "losses");
});

for (const tied of [false, true]) {
  for (const gradient of ["exact", "detached"] as const) {
    Deno.test(`layer by layer is the whole model, ${tied ? "tied" : "untied"}, ${gradient}`, async () => {
      await using pair = await tinyPair({}, { ...TINY_CONFIG, tiedEmbeddings: tied });
      const { base, fine, initial } = pair;
      const sequences = randomSequences([9, 5, 12, 7], 12, TINY_CONFIG.vocabularySize, 3);
      const [whole, layerwise] = await Promise.all(
        (["whole model", "layer by layer"] as const).map((execution) =>
          distill(engine, base, fine, initial, sequences, { ...settings, gradient }, { execution })
        ),
      );
      assertWithin(relativeError(layerwise.losses, whole.losses), 1e-6, "losses");
      const scales = await scalesOf(layerwise.delta);
      for (const [name, scale] of await scalesOf(whole.delta)) {
        assertWithin(Math.abs(scales.get(name)! / scale - 1), 1e-6, name);
      }
      for (const name of whole.delta.whole.keys()) {
        const values = toFloat32(await layerwise.delta.readWhole(name));
        const expected = toFloat32(await whole.delta.readWhole(name));
        assertWithin(relativeError(values, expected), 1e-5, name);
      }
    });
  }
}
