/** What the loop adds to a loss and an optimiser, on losses whose gradients are known on paper. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { input, type Value } from "../../lib/graph/graph.ts";
import { add, multiply, scaleBy, silu, subtract, sumTo } from "../../lib/graph/ops/elementwise.ts";
import { type AdamWSettings, torchAdamW } from "../../lib/training/adamw.ts";
import { type BatchFeeds, compileLoss } from "../../lib/training/compiled_loss.ts";
import { Trainer, type TrainerOptions } from "../../lib/training/trainer.ts";
import { DivergenceError } from "../../lib/util/errors.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { finiteDifferences } from "../graph/finite_difference.ts";
import { engine } from "../methods/oracle_pair.ts";

const [a, b] = [input("a", [3]), input("b", [2])];
const target = input("target", [3]);
const starts = { a: [0.5, -1.25, 2], b: [-0.75, 3] };

/** Σ (a − target)² + Σ b² / 2. */
const quadratic = add(sumTo(square(subtract(a, target)), []), scaleBy(sumTo(square(b), []), 0.5));

function square(x: Value): Value {
  return multiply(x, x);
}

/** The targets of a step. */
const targetAt = (step: number) => [step, 1, -step];

/** A trainer of `a` and `b` on the quadratic; what it compiled is released at the end of its scope. */
async function quadraticTrainer(options: Partial<TrainerOptions<BatchFeeds>> = {}) {
  const loss = await compileLoss(engine, quadratic, [a, b]);
  const parameters = new Map(
    Object.entries(starts).map(([name, values]) => [name, Float32Array.from(values)]),
  );
  const trainer = new Trainer<BatchFeeds>({
    parameters,
    loss,
    batch: (step) => ({ target: Float32Array.from(targetAt(step)) }),
    steps: 6,
    learningRate: () => 0.1,
    optimizer: torchAdamW,
    run: "quadratic",
    ...options,
  });
  return { trainer, [Symbol.asyncDispose]: () => loss.release() };
}

/** The gradient of the first step, as the optimiser saw it. */
async function firstGradient(options: Partial<TrainerOptions<BatchFeeds>> = {}) {
  await using quadratic = await quadraticTrainer(options);
  const loss = await quadratic.trainer.step();
  const share = 1 - torchAdamW.betas[0];
  const gradient = [...quadratic.trainer.optimizer.moments.values()].flatMap(({ first }) =>
    [...first].map((each) => each / share)
  );
  return { loss, gradient };
}

Deno.test("loss and gradient are the quadratic's, at the batch of the step", async () => {
  const { loss, gradient } = await firstGradient();
  // (0.5 − 0)² + (−1.25 − 1)² + 2² + (0.75² + 3²) / 2.
  assertWithin(relativeError([loss], [0.25 + 5.0625 + 4 + 4.78125]), 1e-6, "loss");
  assertWithin(relativeError(gradient, [1, -4.5, 4, -0.75, 3]), 1e-6, "gradient");
});

Deno.test("a regulariser of known gradient adds to loss and gradient", async () => {
  const weight = 0.3;
  const penalty = scaleBy(add(sumTo(square(a), []), sumTo(square(b), [])), weight / 2);
  const regulariser = await compileLoss(engine, penalty, [a, b]);
  const plain = await firstGradient();
  const found = await firstGradient({ regulariser });
  await regulariser.release();
  const all = [...starts.a, ...starts.b];
  const squares = all.reduce((sum, each) => sum + each * each, 0);
  assertWithin(relativeError([found.loss], [plain.loss + weight / 2 * squares]), 1e-6, "loss");
  const expected = plain.gradient.map((each, at) => each + weight * all[at]);
  assertWithin(relativeError(found.gradient, expected), 1e-6, "gradient");
});

Deno.test("the gradient with a regulariser is that of finite differences of both", async () => {
  const penalty = add(sumTo(silu(a), []), sumTo(multiply(silu(b), b), []));
  const regulariser = await compileLoss(engine, penalty, [a, b]);
  const { gradient } = await firstGradient({ regulariser });
  await regulariser.release();
  const plainSilu = (x: number) => x / (1 + Math.exp(-x));
  const plain = (x: Float64Array) =>
    targetAt(0).reduce((sum, each, at) => sum + (x[at] - each) ** 2 + plainSilu(x[at]), 0) +
    [x[3], x[4]].reduce((sum, each) => sum + each ** 2 / 2 + each * plainSilu(each), 0);
  const expected = finiteDifferences(plain, Float64Array.of(...starts.a, ...starts.b));
  assertWithin(relativeError(gradient, expected), 1e-6, "gradient");
});

Deno.test("a gradient above the norm is scaled down, all tensors together", async () => {
  const norm = Math.hypot(1, -4.5, 4, -0.75, 3);
  const { gradient } = await firstGradient({ clipNorm: norm / 4 });
  assertWithin(relativeError(gradient, [1, -4.5, 4, -0.75, 3].map((g) => g / 4)), 1e-6, "clipped");
});

Deno.test("each step has its own batch and rate, as plain arithmetic has them", async () => {
  const optimizer: AdamWSettings = { betas: [0, 0], epsilon: 1e-30, weightDecay: 0 };
  const learningRate = (step: number) => 2 ** -step;
  await using quadratic = await quadraticTrainer({ optimizer, learningRate, steps: 4 });
  const { losses } = await quadratic.trainer.train();
  // Without memory each element moves by the rate, against the sign of its gradient.
  let [x, y] = [[...starts.a], [...starts.b]];
  const expected = [0, 1, 2, 3].map((step) => {
    const apart = x.map((each, at) => each - targetAt(step)[at]);
    const loss = apart.reduce((sum, each) => sum + each ** 2, 0) +
      y.reduce((sum, each) => sum + each ** 2 / 2, 0);
    x = x.map((each, at) => each - Math.sign(apart[at]) * learningRate(step));
    y = y.map((each) => each - Math.sign(each) * learningRate(step));
    return loss;
  });
  assertWithin(relativeError(losses, expected), 1e-6, "losses");
  assertWithin(relativeError(quadratic.trainer.parameters.get("a")!, x), 1e-6, "a");
  assertWithin(relativeError(quadratic.trainer.parameters.get("b")!, y), 1e-6, "b");
});

Deno.test("a run that is stopped is saved, tells what it had done, and ends as if it was not", async () => {
  await using folder = await temporaryFolder();
  const state = join(folder.path, "state.safetensors");
  await using whole = await quadraticTrainer();
  await whole.trainer.train();

  const controller = new AbortController();
  const reason = new Error("enough");
  await using first = await quadraticTrainer();
  const stopped = first.trainer.train({
    state,
    signal: controller.signal,
    onProgress: ({ done }) => done === 2 && controller.abort(reason),
  });
  await assert.rejects(stopped, reason);
  assert.equal(first.trainer.optimizer.stepCount, 2);

  await using second = await quadraticTrainer();
  const reports: Progress[] = [];
  const log = await second.trainer.train({ state, onProgress: (each) => reports.push(each) });
  assert.deepEqual(reports.map(({ done, total, resumed }) => [done, total, resumed]), [
    [3, 6, 2],
    [4, 6, 2],
    [5, 6, 2],
    [6, 6, 2],
  ]);
  assert.deepEqual(log.losses, whole.trainer.log.losses);
  assert.deepEqual(second.trainer.parameters, whole.trainer.parameters);

  await using third = await quadraticTrainer();
  await third.trainer.train({ state });
  assert.deepEqual(third.trainer.parameters, whole.trainer.parameters, "saved at its end");
});

Deno.test("a run that is stopped before its first step takes none, and leaves no state", async () => {
  await using folder = await temporaryFolder();
  await using quadratic = await quadraticTrainer();
  const stopped = { signal: AbortSignal.abort(), state: join(folder.path, "state.safetensors") };
  await assert.rejects(quadratic.trainer.train(stopped), { name: "AbortError" });
  assert.equal(quadratic.trainer.optimizer.stepCount, 0);
  assert.deepEqual(filesIn(folder.path), []);
});

/** A loss that is given, and a gradient that has it where `at` says. */
function given(loss: number, at: Record<string, number> = {}): TrainerOptions<BatchFeeds>["loss"] {
  return {
    run: (parameters) =>
      Promise.resolve({
        loss,
        gradient: (name) => {
          const { length } = parameters.get(name)!;
          return Float32Array.from({ length }, (_, index) => index === at[name] ? NaN : 0);
        },
      }),
    release: () => Promise.resolve(),
  };
}

const divergences: {
  name: string;
  options: Partial<TrainerOptions<BatchFeeds>>;
  tensor: string;
  says: RegExp;
}[] = [
  {
    name: "a loss that is not finite names the largest parameter",
    options: { loss: given(Infinity) },
    tensor: "b",
    says: /loss of step 1 is not finite; the largest weight is here: got 3/,
  },
  {
    name: "a loss that is not finite names whom its caller suspects",
    options: {
      loss: given(NaN),
      suspect: () => Promise.resolve({ model: "fine", tensor: "x", magnitude: 9 }),
    },
    tensor: "x",
    says: /loss of step 1 .* largest weight, of 'fine', is here: got 9/,
  },
  {
    name: "a gradient that is not finite is named, with its element",
    options: { loss: given(1, { b: 1 }) },
    tensor: "b",
    says: /gradient of step 1 is not finite in element 1: got NaN/,
  },
];

for (const { name, options, tensor, says } of divergences) {
  Deno.test(`${name}, and nothing is changed`, async () => {
    await using quadratic = await quadraticTrainer(options);
    const before = structuredClone(quadratic.trainer.parameters);
    await assert.rejects(quadratic.trainer.train(), (error) => {
      assert.ok(error instanceof DivergenceError, String(error));
      assert.equal(error.fault.tensor, tensor);
      return says.test(error.message);
    });
    assert.deepEqual(quadratic.trainer.parameters, before);
    assert.deepEqual(quadratic.trainer.log.losses, []);
  });
}

Deno.test("a last step that leaves 32-bit floats is named, and not saved", async () => {
  await using folder = await temporaryFolder();
  await using quadratic = await quadraticTrainer({ learningRate: () => 1e39, steps: 1 });
  const state = join(folder.path, "state.safetensors");
  await assert.rejects(quadratic.trainer.train({ state }), (error) => {
    assert.ok(error instanceof DivergenceError, String(error));
    return error.fault.tensor === "a" &&
      /element 0 is not finite after 1 steps/.test(error.message);
  });
  assert.deepEqual(filesIn(folder.path), []);
});
