/** Training with an embedding and a head that stay on the engine, beside the same with arrays of this process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { readTrainable } from "../../lib/delta/delta.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { compressedTensors, modelTensors } from "../../lib/model/model_tensors.ts";
import { torchAdamW } from "../../lib/training/adamw.ts";
import { wholeModelLoss } from "../../lib/training/distillation.ts";
import { layerwiseLoss } from "../../lib/training/layerwise_distillation.ts";
import { squaredError } from "../../lib/training/losses.ts";
import { Trainer, type TrainerOptions } from "../../lib/training/trainer.ts";
import { DivergenceError, OptionError } from "../../lib/util/errors.ts";
import { temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { countingEngine } from "../methods/counting_engine.ts";
import { engine } from "../methods/oracle_pair.ts";
import { type TinyPair, tinyPair } from "../methods/tiny_pair.ts";
import { randomSequences } from "../texts/random_sequences.ts";

const WAYS = { "as one graph": wholeModelLoss, "layer by layer": layerwiseLoss };
const shape = { batch: 2, sequence: 6 };
const { tokens, attentionMask } = randomSequences([6, 4], 6, TINY_CONFIG.vocabularySize, 3);
const rowWeights = new Float32Array(12).fill(1 / 12);

/** A trainer of all that a delta holds; what it compiled is released at the end of its scope. */
async function trainerOf(
  { base, fine, initial }: TinyPair,
  way: keyof typeof WAYS,
  engine: Engine,
  names: readonly string[],
) {
  const parameters = await readTrainable(initial);
  for (const [name, tensor] of initial.whole) parameters.set(name, toFloat32(tensor).slice());
  const loss = await WAYS[way](engine, {
    config: base.config,
    shape,
    teacher: modelTensors(fine, engine),
    student: compressedTensors(modelTensors(base, engine), initial, base.config),
    trained: [...parameters.keys()],
    staying: names,
    detached: false,
    loss: squaredError,
  });
  const trainer = new Trainer({
    parameters,
    loss,
    staying: { engine, names },
    batch: () => ({ tokens, attentionMask, rowWeights }),
    steps: 4,
    learningRate: (step) => 1e-3 / (1 + step),
    optimizer: torchAdamW,
    run: "staying",
  });
  return { trainer, [Symbol.asyncDispose]: () => loss.release() };
}

for (const tied of [false, true]) {
  for (const way of Object.keys(WAYS) as (keyof typeof WAYS)[]) {
    const name = `${way}, ${tied ? "tied" : "untied"}`;
    const staying = ["model.embed_tokens.weight", ...tied ? [] : ["lm_head.weight"]];

    Deno.test(`parameters that stay on the engine are trained as arrays are: ${name}`, async () => {
      await using pair = await tinyPair({}, { ...TINY_CONFIG, tiedEmbeddings: tied });
      await using expected = await trainerOf(pair, way, engine, []);
      await expected.trainer.train();
      const { engine: counted, held } = countingEngine(engine);
      {
        await using found = await trainerOf(pair, way, counted, staying);
        await found.trainer.train();
        const { losses } = found.trainer.log;
        assertWithin(relativeError(losses, expected.trainer.log.losses), 1e-6, "losses");
        for (const [name, values] of expected.trainer.parameters) {
          const error = relativeError(found.trainer.parameters.get(name)!, values);
          assertWithin(error, 1e-5, name);
        }
      }
      assert.deepEqual([held.placed, held.programs], [0, 0], "released");
    });

    Deno.test(`a run with parameters on the engine is stopped and goes on bit for bit: ${name}`, async () => {
      await using folder = await temporaryFolder();
      const state = join(folder.path, "state.safetensors");
      await using pair = await tinyPair({}, { ...TINY_CONFIG, tiedEmbeddings: tied });
      await using whole = await trainerOf(pair, way, engine, staying);
      await whole.trainer.train();
      const controller = new AbortController();
      await using first = await trainerOf(pair, way, engine, staying);
      const stopped = first.trainer.train({
        state,
        signal: controller.signal,
        onProgress: ({ done }) => done === 2 && controller.abort(),
      });
      await assert.rejects(stopped, { name: "AbortError" });
      await using second = await trainerOf(pair, way, engine, staying);
      await second.trainer.train({ state });
      assert.deepEqual(second.trainer.log.losses, whole.trainer.log.losses);
      assert.deepEqual(second.trainer.parameters, whole.trainer.parameters);
      assert.deepEqual(second.trainer.optimizer.moments, whole.trainer.optimizer.moments);
    });
  }
}

/** A trainer of one parameter that stays, with the gradient of its first step given. */
function withGradient(gradient: Float32Array, options: Partial<TrainerOptions<void>> = {}) {
  return new Trainer<void>({
    parameters: new Map([["x", Float32Array.of(1, 2, 3)]]),
    loss: {
      async run() {
        const placed = await engine.place(gradient);
        const sum = gradient.reduce((sum, each) => sum + each, 0);
        return { loss: 1, gradient: () => gradient, staying: new Map([["x", { placed, sum }]]) };
      },
      release: () => Promise.resolve(),
    },
    staying: { engine, names: ["x"] },
    batch: () => {},
    steps: 1,
    learningRate: () => 0.5,
    optimizer: { ...torchAdamW, weightDecay: 0 },
    run: "given",
    ...options,
  });
}

Deno.test("a gradient on the engine that is not finite is named, with its element, and nothing is changed", async () => {
  const trainer = withGradient(Float32Array.of(0, Infinity, 1));
  await assert.rejects(trainer.train(), (error) => {
    assert.ok(error instanceof DivergenceError, String(error));
    assert.equal(error.fault.tensor, "x");
    return /gradient of step 1 is not finite in element 1: got Infinity/.test(error.message);
  });
  assert.deepEqual([...trainer.parameters.get("x")!], [1, 2, 3]);
});

Deno.test("finite gradients whose sum is beyond a number are taken", async () => {
  const trainer = withGradient(Float32Array.of(3e38, 3e38, 0));
  await trainer.train();
  assert.deepEqual(trainer.log.losses, [1]);
});

Deno.test("parameters on an engine are not clipped in silence", () => {
  assert.throws(() => withGradient(new Float32Array(3), { clipNorm: 1 }), (error) => {
    assert.ok(error instanceof OptionError, String(error));
    return /are not for parameters that stay on an engine/.test(error.message);
  });
});
