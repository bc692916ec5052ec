/** Distillation on a GPU, of weights that stay there and of weights that are streamed, beside ONNX Runtime. */

import assert from "node:assert/strict";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { readTrainable } from "../../lib/delta/delta.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { compressedTensors, modelTensors } from "../../lib/model/model_tensors.ts";
import { EVERYTHING, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { withMemory } from "../graph/with_memory.ts";
import { distill, distillationSettings } from "../methods/distill.ts";
import { type TinyPair, tinyPair } from "../methods/tiny_pair.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { gpuTest } from "./gpu.ts";
import { countWaits } from "./waits.ts";

const sequences = randomSequences([6, 4], 6, TINY_CONFIG.vocabularySize, 3);
const settings = distillationSettings("study-faithful", { steps: 3, batch: 2 });

/** Memory, in the weights of both models: for one graph, to keep them with a quarter free, for none. */
const MEMORIES = { "as one graph": 2, "layer by layer": 1.5, "streamed": 0 };

/** Bytes of the weights of both models. */
function weightsOf(pair: TinyPair, gpu: Engine): number {
  return modelTensors(pair.fine, gpu).byteLength +
    compressedTensors(modelTensors(pair.base, gpu), pair.initial, pair.base.config).byteLength;
}

for (const [name, times] of Object.entries(MEMORIES)) {
  gpuTest(`a distillation ${name} is the CPU's`, async (gpu) => {
    // Its biases and norms are trained too.
    await using pair = await tinyPair({}, EVERYTHING);
    const expected = await distill(pair, sequences, settings);
    const engine = withMemory(gpu, times * weightsOf(pair, gpu));
    const found = await distill(pair, sequences, settings, { engine });
    assertWithin(relativeError(found.losses, expected.losses), 1e-4, "losses");
    const scales = await readTrainable(found.delta);
    for (const [entry, values] of await readTrainable(expected.delta)) {
      assertWithin(relativeError(scales.get(entry)!, values), 1e-4, entry);
    }
  });
}

for (const [name, times] of Object.entries(MEMORIES)) {
  gpuTest(`a distillation ${name} waits for the GPU once a step`, async (gpu) => {
    await using pair = await tinyPair();
    const engine = withMemory(gpu, times * weightsOf(pair, gpu));
    const waits = (steps: number) =>
      countWaits(() => distill(pair, sequences, { ...settings, steps }, { engine }));
    // Products are measured, and so waited for, the first time that they are met.
    await waits(1);
    assert.equal(await waits(5) - await waits(2), 3);
  });
}

gpuTest(
  "an embedding of a million numbers stays on the GPU, and is trained as on the CPU",
  async (gpu) => {
    await using pair = await tinyPair({}, { ...TINY_CONFIG, vocabularySize: 2 ** 17 });
    const { length } = toFloat32(await pair.initial.readWhole("lm_head.weight"));
    assert.ok(length > 2 ** 20);
    const few = { ...settings, steps: 2 };
    const expected = await distill(pair, sequences, few);
    for (const times of [MEMORIES["as one graph"], MEMORIES["layer by layer"]]) {
      const engine = withMemory(gpu, times * weightsOf(pair, gpu));
      const found = await distill(pair, sequences, few, { engine });
      assertWithin(relativeError(found.losses, expected.losses), 1e-4, "losses");
      for (const name of ["model.embed_tokens.weight", "lm_head.weight"]) {
        const [values, wanted, before] = await Promise.all(
          [found.delta, expected.delta, pair.initial].map(async (each) =>
            toFloat32(await each.readWhole(name))
          ),
        );
        let [error, change] = [0, 0];
        for (const [at, each] of wanted.entries()) {
          error = Math.max(error, Math.abs(values[at] - each));
          change = Math.max(change, Math.abs(each - before[at]));
        }
        assertWithin(error / change, 1e-2, name);
      }
    }
  },
);
