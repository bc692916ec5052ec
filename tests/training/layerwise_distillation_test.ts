/** Distillation a layer at a time against the study's own loop, and against the whole model at once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import {
  EVERYTHING,
  filesIn,
  temporaryFolder,
  TINY_CONFIG,
} from "../checkpoint/tiny_checkpoint.ts";
import { scalesOf } from "../delta/signs_of_layers.ts";
import { PlacedModel } from "../../lib/model/placed_model.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { countingEngine } from "../methods/counting_engine.ts";
import { distill, distillationSettings, engines } from "../methods/distill.ts";
import { openPair, oracleSequences } from "../methods/oracle_pair.ts";
import { tinyPair } from "../methods/tiny_pair.ts";
import { oracleJson } from "../oracle.ts";
import { randomSequences } from "../texts/random_sequences.ts";

const layerwise = { engine: engines["layer by layer"] };

Deno.test("layer by layer, a distillation is the oracle's", async () => {
  using pair = await openPair("B", "f32");
  const { orig } = await oracleJson<Record<string, { loss: number[] }>>("B", "distill.json");
  const sequences = await oracleSequences("distill");
  const settings = distillationSettings("study-faithful", { steps: 20, batch: 4 });
  const { losses } = await distill(pair, sequences, settings, layerwise);
  assertWithin(relativeError(losses, orig.loss), 1e-5, "losses");
});

const kinds: Record<string, DecoderConfig> = {
  untied: TINY_CONFIG,
  tied: { ...TINY_CONFIG, tiedEmbeddings: true },
  "with biases, norms of heads and windows by layer": EVERYTHING,
};
for (const [kind, config] of Object.entries(kinds)) {
  for (const gradient of ["exact", "detached"] as const) {
    Deno.test(`layer by layer is the whole model, ${kind}, ${gradient}`, async () => {
      await using pair = await tinyPair({}, config);
      const sequences = randomSequences([9, 5, 12, 7], 12, TINY_CONFIG.vocabularySize, 3);
      const settings = distillationSettings("study-faithful", { steps: 5, batch: 4, gradient });
      const expected = await distill(pair, sequences, settings);
      const found = await distill(pair, sequences, settings, layerwise);
      assertWithin(relativeError(found.losses, expected.losses), 1e-6, "losses");
      const scales = await scalesOf(found.delta);
      for (const [name, scale] of await scalesOf(expected.delta)) {
        assertWithin(Math.abs(scales.get(name)! / scale - 1), 1e-6, name);
      }
      for (const name of expected.delta.whole.keys()) {
        const values = toFloat32(await found.delta.readWhole(name));
        const wanted = toFloat32(await expected.delta.readWhole(name));
        assertWithin(relativeError(values, wanted), 1e-5, name);
      }
    });
  }
}

Deno.test("a step layer by layer is stopped between two layers, and goes on from the step before", async () => {
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const state = join(folder.path, "state.safetensors");
  const sequences = randomSequences([9, 5], 12, TINY_CONFIG.vocabularySize, 3);
  const settings = distillationSettings("study-faithful", { steps: 3, batch: 2 });
  const expected = await distill(pair, sequences, settings, layerwise);

  const { engine: counted, held } = countingEngine(layerwise.engine);
  const controller = new AbortController();
  const reason = new Error("enough");
  let stepsDone = 0;
  let worksAfterwards = 0;
  const place: Engine["place"] = (...given) => {
    // In the second step's forward pass of the student.
    if (stepsDone === 1 && given[1] === "model.layers.1.self_attn.q_proj.weight") {
      controller.abort(reason);
    }
    if (controller.signal.aborted && given[1]?.startsWith("model.layers.0")) worksAfterwards++;
    return counted.place(...given);
  };
  const stopped = distill(pair, sequences, settings, {
    engine: { ...counted, place },
    state,
    signal: controller.signal,
    onProgress: ({ done }) => stepsDone = done,
  });
  await assert.rejects(stopped, reason);
  assert.deepEqual([held.placed, held.programs, worksAfterwards], [0, 0, 0]);
  assert.deepEqual(filesIn(folder.path), ["state.safetensors"]);

  const resumed = await distill(pair, sequences, settings, { ...layerwise, state });
  assert.deepEqual(resumed.losses, expected.losses);
});

Deno.test("a step asks for each layer of the student ahead, on the way back too", async () => {
  await using pair = await tinyPair();
  const sequences = randomSequences([9, 5], 12, TINY_CONFIG.vocabularySize, 3);
  const settings = distillationSettings("study-faithful", { steps: 1, batch: 2 });
  const asked: string[] = [];
  const announced: string[] = [];
  const { layer, ahead } = PlacedModel.prototype;
  const isStudent = ({ tensors }: PlacedModel) => tensors.layers !== null;
  PlacedModel.prototype.layer = function (inputs, index) {
    if (isStudent(this)) asked.push(`${index}: ${inputs}`);
    return layer.call(this, inputs, index);
  };
  PlacedModel.prototype.ahead = function (inputs, index) {
    if (isStudent(this)) announced.push(`${index}: ${inputs}`);
    ahead.call(this, inputs, index);
  };
  try {
    await distill(pair, sequences, settings, layerwise);
  } finally {
    Object.assign(PlacedModel.prototype, { layer, ahead });
  }
  // Embedding, layers, head, layers and embedding.
  assert.equal(asked.length, 2 * TINY_CONFIG.layerCount + 3);
  assert.deepEqual(announced, asked.slice(1));
});
