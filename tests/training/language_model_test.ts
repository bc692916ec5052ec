import assert from "node:assert/strict";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import {
  initialWeights,
  languageModelLoss,
  trainerSettings,
} from "../../lib/training/language_model.ts";
import { Trainer } from "../../lib/training/trainer.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { decoderLogits } from "../model/plain/decoder.ts";
import { crossEntropy } from "../graph/plain/likelihood.ts";
import { randomTokens, tinyConfig } from "../model/random_model.ts";
import { SETTINGS, tinyBatch, tinyTrainer, train } from "./tiny_trainer.ts";

/** All gradients of the first step end to end, as the optimiser saw them. */
function firstGradients({ optimizer }: Trainer<unknown>): number[] {
  const share = 1 - optimizer.settings.betas[0];
  return [...optimizer.moments.values()].flatMap(({ first }) => [...first].map((m) => m / share));
}

const norm = (numbers: readonly number[]) => Math.hypot(...numbers);

Deno.test("the loss is the mean cross entropy of the next token", async () => {
  await using tiny = await tinyTrainer();
  const weights = Object.fromEntries(
    [...tiny.trainer.parameters].map(([name, values]) => [name, Float64Array.from(values)]),
  );
  const { tokens, labels } = tinyBatch(0);
  const logits = decoderLogits(tinyConfig, weights, Float64Array.from(tokens), SETTINGS);
  const nll = crossEntropy(logits, labels);
  const expected = nll.reduce((sum, each) => sum + each, 0) / nll.length;
  assertWithin(
    relativeError([await tiny.trainer.step()], [expected]),
    1e-6,
    "loss",
  );
});

Deno.test("a text that repeats itself is learnt", async () => {
  await using tiny = await tinyTrainer();
  const losses = await train(tiny.trainer, SETTINGS.steps);
  // First weights are small: all tokens are about as likely.
  assertWithin(Math.abs(losses[0] - Math.log(tinyConfig.vocabularySize)), 0.05, "first loss");
  assert.ok(losses.at(-1)! < 0.5, `last loss is ${losses.at(-1)}`);
});

Deno.test("a gradient above the norm is scaled down to it, one below is left alone", async () => {
  const gradientsAt = async (clipNorm: number) => {
    await using tiny = await tinyTrainer({ clipNorm });
    await train(tiny.trainer, 1);
    return firstGradients(tiny.trainer);
  };
  const whole = await gradientsAt(Infinity);
  const half = norm(whole) / 2;
  const clipped = await gradientsAt(half);
  assertWithin(relativeError([norm(clipped)], [half]), 1e-6, "norm");
  assertWithin(relativeError(clipped.map((each) => 2 * each), whole), 1e-6, "direction");
  assert.deepEqual(await gradientsAt(3 * half), whole);
});

Deno.test("the learning rate rises over the warm-up, then falls as a cosine towards a tenth", async () => {
  const [learningRate, warmUp, steps] = [0.01, 3, 8];
  // Without memory, decay and ε AdamW moves each weight by just the learning rate.
  const optimizer = { betas: [0, 0], epsilon: 1e-30, weightDecay: 0 } as const;
  await using tiny = await tinyTrainer({ learningRate, warmUp, steps, optimizer });
  const { trainer } = tiny;
  const weights = trainer.parameters.get("lm_head.weight")!;
  for (let step = 0; step < steps; step++) {
    const before = weights.slice();
    await train(trainer, step + 1);
    const moved = weights.reduce(
      (most, each, at) => Math.max(most, Math.abs(each - before[at])),
      0,
    );
    const expected = step < warmUp ? learningRate * (step + 1) / warmUp : learningRate *
      (0.1 + 0.9 * (1 + Math.cos(Math.PI * (step - warmUp) / (steps - warmUp))) / 2);
    assertWithin(relativeError([moved], [expected]), 1e-5, `step ${step}`);
  }
});

Deno.test("first weights: norms 1, normal numbers of the scheme's deviation, told by the seed", () => {
  const config = { ...tinyConfig, hiddenSize: 64, intermediateSize: 96 };
  const weights = initialWeights(config, 1);
  for (const [name, values] of weights) {
    if (name.endsWith("norm.weight")) {
      assert.ok(values.every((each) => each === 1), name);
      continue;
    }
    // Two layers write twice each: 0.02 / √4 for what writes into the residual stream.
    const deviation = /o_proj|down_proj/.test(name) ? 0.01 : 0.02;
    const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
    const square = values.reduce((sum, each) => sum + each * each, 0) / values.length;
    const error = 4 / Math.sqrt(values.length);
    assertWithin(Math.abs(mean), deviation * error, `mean of ${name}`);
    assertWithin(Math.abs(Math.sqrt(square) / deviation - 1), error, `deviation of ${name}`);
  }
  assert.deepEqual(initialWeights(config, 1), weights);
  assert.notDeepEqual(initialWeights(config, 2), weights);
});

Deno.test("steps on two threads give the same weights again, to the bit", async () => {
  const config = { ...tinyConfig, hiddenSize: 128, layerCount: 1 };
  const settings = { ...SETTINGS, batch: 32, sequence: 128 };
  const tokens = randomTokens(config, settings.batch * settings.sequence, 6);
  const labels = randomTokens(config, tokens.length, 7);
  const runs = [];
  for (let run = 0; run < 3; run++) {
    const engine = onnxEngine({ threads: 2 });
    const weights = initialWeights(config, 3);
    const loss = await languageModelLoss(engine, config, [...weights.keys()], settings);
    const batch = () => ({ tokens, labels });
    const options = { ...trainerSettings({ ...settings, steps: 5 }), run: "threads" };
    await new Trainer({ parameters: weights, loss, batch, ...options }).train();
    await loss.release();
    runs.push(weights);
  }
  for (const [name, values] of runs[0]) {
    for (const other of runs.slice(1)) {
      const differing = values.filter((each, at) => each !== other.get(name)![at]);
      assert.equal(differing.length, 0, name);
    }
  }
});
