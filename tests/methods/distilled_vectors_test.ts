import assert from "node:assert/strict";
import { join } from "node:path";
import { fromFloat32, toFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { Codec } from "../../lib/codecs/codec.ts";
import { codecs } from "../../lib/codecs/mod.ts";
import { signs, signsTerm } from "../../lib/codecs/signs.ts";
import { type Delta, loadDelta, type MemoryDelta, memoryDelta } from "../../lib/delta/delta.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { compress, compressToFile } from "../../lib/methods/compress.ts";
import {
  distilledVectors,
  type DistilledVectorsSettings,
} from "../../lib/methods/distilled_vectors.ts";
import type { Method, TrainingInput } from "../../lib/methods/method.ts";
import { madeFrom, methods } from "../../lib/methods/mod.ts";
import { lossOfFactors } from "../../lib/training/factors.ts";
import { completeSettings, type Settings } from "../../lib/util/settings.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { filesIn, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { contents, maskOf } from "../delta/signs_of_layers.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { finiteDifferences } from "../graph/finite_difference.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { crude, withMethod } from "./crude.ts";
import { engines } from "./distill.ts";
import { engine } from "./oracle_pair.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";

const sequences = randomSequences([6, 2, 5, 6], 6, TINY_CONFIG.vocabularySize, 8);

/** A scale of each row and each column, in float16. */
const halved: Codec = {
  ...signs,
  name: "signs with vectors of 16 bits",
  layout: (shape, form) =>
    Object.fromEntries(
      Object.entries(signs.layout(shape, form)).map(([part, { dtype, shape }]) =>
        [part, { dtype: dtype === "F32" ? "F16" : dtype, shape }] as const
      ),
    ),
};

/** The codec stands in the list until the end of the scope. */
function withHalved(): Disposable {
  codecs.push(halved);
  return { [Symbol.dispose]: () => void codecs.splice(codecs.indexOf(halved), 1) };
}

/** The initial delta with its scale as a vector of each row and each column, of 16 bits. */
function vectors({ initial }: TinyPair): MemoryDelta {
  const layers = [...initial.layers].map(([name, layer]) => {
    const { shape, terms: [{ parts: { coeff } }] } = layer;
    const scale = toFloat32(coeff)[0];
    const [row, column] = [
      new Float32Array(shape[0]).fill(scale),
      Float32Array.from({ length: shape[1] }, (_, at) => 1 + at / 64),
    ];
    const term = signsTerm(maskOf(layer), shape, { row, column });
    const half = (name: string, of: Float32Array) =>
      [name, { dtype: "F16", shape: [of.length], bytes: fromFloat32(of, "F16") }] as const;
    const parts = {
      ...term.parts,
      ...Object.fromEntries([half("row", row), half("column", column)]),
    };
    return [name, { ...layer, terms: [{ ...term, codec: halved.name, parts }] }] as const;
  });
  return memoryDelta(new Map(layers), initial.whole, initial.metadata);
}

function train(
  { base, fine }: TinyPair,
  start: Delta,
  given: Settings,
  options: Partial<TrainingInput> = {},
) {
  const settings = completeSettings(distilledVectors.settings, given, "method");
  const input = { engine, base, fine, start, sequences, ...options };
  return distilledVectors.train(input, settings);
}

Deno.test("the gradient of factors is a finite difference of the loss", async () => {
  const numbers = new Map([["a", Float32Array.of(2, -3)], ["b", Float32Array.of(0.5)]]);
  // L = a₀² · b + a₁³
  const at = ([a0, a1, b]: Float64Array) => a0 * a0 * b + a1 ** 3;
  const gradients = new Map([["a", Float32Array.of(0, 0)], ["b", Float32Array.of(0)]]);
  const loss = lossOfFactors<void>({
    run(feeds) {
      const [[a0, a1], [b]] = ["a", "b"].map((name) => feeds.get(name) as Float32Array);
      gradients.get("a")!.set([2 * a0 * b, 3 * a1 * a1]);
      gradients.get("b")!.set([a0 * a0]);
      const value = at(Float64Array.of(a0, a1, b));
      return Promise.resolve({ loss: value, gradient: (name) => gradients.get(name)! });
    },
    release: () => Promise.resolve(),
  }, numbers);
  const factors = new Map([["a", Float32Array.of(1.25, 0.75)], ["b", Float32Array.of(2)]]);
  const result = await loss.run(factors);
  const found = [...result.gradient("a"), ...result.gradient("b")];
  const ofFactors = ([f0, f1, f2]: Float64Array) => at(Float64Array.of(2 * f0, -3 * f1, 0.5 * f2));
  const expected = finiteDifferences(ofFactors, Float64Array.of(1.25, 0.75, 2));
  assertWithin(relativeError(found, expected), 1e-6, "gradient");
  // Asked for twice it is the same.
  assert.deepEqual([...result.gradient("a"), ...result.gradient("b")], found);
});

Deno.test("the first step changes each number by the learning rate's share of it, in its own type", async () => {
  using _codec = withHalved();
  await using pair = await tinyPair();
  const start = vectors(pair);
  const learningRate = 2 ** -4;
  const { delta } = await train(pair, start, { steps: 1, batch: 2, learningRate });
  const found = await loadDelta(delta);
  assert.deepEqual(found.whole, start.whole);
  for (const [name, { terms: [before] }] of start.layers) {
    const [after] = found.layers.get(name)!.terms;
    assert.deepEqual(after.parts.mask, before.parts.mask);
    for (const part of ["row", "column"]) {
      const numbers = toFloat32(before.parts[part]);
      assert.equal(after.parts[part].dtype, "F16");
      toFloat32(after.parts[part]).forEach((each, at) => {
        // Adam's first step is of the learning rate's length, in the direction of the gradient.
        const steps = [1 - learningRate, 1, 1 + learningRate];
        const near = steps.map((factor) => Math.abs(each / (numbers[at] * factor) - 1));
        assert.ok(Math.min(...near) < 2 ** -10, `${name} ${part} ${at}`);
      });
    }
  }
});

Deno.test("a few steps come nearer to the fine-tune, and say what they started from", async () => {
  await using pair = await tinyPair();
  const start = {
    ...pair.initial,
    metadata: { ...pair.initial.metadata, method: "crude", settings: { ridge: 3 } },
  };
  const { delta, losses } = await train(pair, start, { steps: 40, batch: 4, learningRate: 0.02 });
  assert.equal(losses.length, 40);
  assert.ok(losses.at(-1)! < 0.9 * losses[0], `${losses[0]} to ${losses.at(-1)}`);
  const { method, settings } = delta.metadata;
  assert.equal(method, "distilled-vectors");
  assert.equal(settings.ridge, 3);
  assert.equal(settings.steps, 40);
});

Deno.test("a run that was stopped goes on bit for bit, and is the same layer by layer", async () => {
  using _codec = withHalved();
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const start = vectors(pair);
  const given = { steps: 4, batch: 2 };
  const whole = await train(pair, start, given);
  const state = join(folder.path, "state.safetensors");
  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = ({ done }: Progress) => done === 2 && controller.abort(reason);
  const stopping = { state, onProgress, signal: controller.signal };
  await assert.rejects(train(pair, start, given, stopping), reason);
  const resumed = await train(pair, start, given, { state });
  assert.deepEqual(resumed.losses, whole.losses);
  assert.deepEqual(await contents(resumed.delta), await contents(whole.delta));
  const layerwise = await train(pair, start, given, { engine: engines["layer by layer"] });
  assertWithin(relativeError(layerwise.losses, whole.losses), 1e-5, "losses");
});

Deno.test("a start that takes long is made once, by whatever run: stopped in training, the next goes on", async () => {
  let made = 0;
  const counting: typeof crude = {
    ...crude,
    rows: () => ({ rows: 9, padding: "left out" }),
    compress: (...given) => {
      made++;
      return crude.compress(...given);
    },
  };
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const patient: Method = {
    ...distilledVectors,
    name: "patient",
    start: () => ({ method: "crude" }),
    train: (input, settings) => distilledVectors.train(input, settings as DistilledVectorsSettings),
  };
  const settings = { steps: 4, batch: 2 };
  const choice = { method: "patient", settings };
  const path = join(folder.path, "delta");
  const state = `${path}.state`;
  const { base, fine } = pair;
  methods.push(patient);
  try {
    await withMethod(counting, async () => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const onProgress = ({ label, done }: Progress) =>
        label.startsWith("loss") && done === 2 && controller.abort(reason);
      const stopping = { state, signal: controller.signal, onProgress };
      const stopped = compressToFile(path, engine, base, fine, choice, sequences, stopping);
      await assert.rejects(stopped, reason);
      assert.equal(made, 14);
      assert.ok(filesIn(folder.path).includes("delta.part-1"));
      const steps: number[] = [];
      const going = { state, onProgress: ({ done }: Progress) => steps.push(done) };
      const { delta, losses } = await compressToFile(path, engine, base, fine, choice, sequences, {
        ...going,
        notes: { seed: 3 },
      });
      delta[Symbol.dispose]();
      assert.deepEqual([made, steps, losses.length], [14, [3, 4], 4]);
      assert.deepEqual(filesIn(folder.path), ["delta", "delta.state"]);

      // The same by way of memory, in one go.
      const whole = await compress(engine, base, fine, choice, sequences);
      const found = await readDelta(path);
      assert.deepEqual(found.layers, (await loadDelta(whole.delta)).layers);
      assert.equal(found.metadata.settings.seed, 3);
    });
  } finally {
    methods.splice(methods.indexOf(patient), 1);
  }
});

Deno.test("it starts from the method that a setting names, with the settings that both have", async () => {
  const settings = { start: "initial", rows: 64 };
  assert.deepEqual(madeFrom({ method: distilledVectors.name, settings }), [
    { method: "initial", settings: {} },
  ]);
  await using pair = await tinyPair();
  const choice = { method: distilledVectors.name, settings: { steps: 1, start: "initial" } };
  const { delta } = await compress(engine, pair.base, pair.fine, choice, sequences);
  const found = await loadDelta(delta);
  for (const [name, layer] of pair.initial.layers) {
    assert.deepEqual(maskOf(found.layers.get(name)!), maskOf(layer));
  }
});
