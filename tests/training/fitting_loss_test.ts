/** Which way a distillation's loss is computed, and that a device that refuses memory gets the other. */

import assert from "node:assert/strict";
import { readTrainable } from "../../lib/delta/delta.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { compressedTensors, modelTensors } from "../../lib/model/model_tensors.ts";
import { fittingLoss } from "../../lib/training/fitting_loss.ts";
import { squaredError } from "../../lib/training/losses.ts";
import { DeviceError, DeviceMemoryError } from "../../lib/util/errors.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { withMemory } from "../graph/with_memory.ts";
import { countingEngine } from "../methods/counting_engine.ts";
import { engine } from "../methods/oracle_pair.ts";
import { type TinyPair, tinyPair } from "../methods/tiny_pair.ts";
import { randomSequences } from "../texts/random_sequences.ts";

const { tokens, attentionMask } = randomSequences([6, 4], 6, TINY_CONFIG.vocabularySize, 3);
const batch = { tokens, attentionMask, rowWeights: new Float32Array(12).fill(1 / 12) };

/** Loss and gradients of two steps, and the way that they were computed at the end. */
async function twoSteps(
  { base, fine, initial }: TinyPair,
  engine: Engine,
  signal?: AbortSignal,
) {
  const parameters = await readTrainable(initial);
  const loss = await fittingLoss(engine, {
    config: base.config,
    shape: { batch: 2, sequence: 6 },
    teacher: modelTensors(fine, engine),
    student: compressedTensors(modelTensors(base, engine), initial, base.config),
    trained: [...parameters.keys()],
    detached: false,
    loss: squaredError,
  }, signal);
  try {
    await loss.run(parameters, batch);
    const result = await loss.run(parameters, batch);
    const gradients = [...parameters.keys()].flatMap((name) => [...result.gradient(name)]);
    return { way: loss.way, numbers: [result.loss, ...gradients] };
  } finally {
    await loss.release();
  }
}

const bytesOf = ({ base, fine, initial }: TinyPair) =>
  modelTensors(fine, engine).byteLength +
  compressedTensors(modelTensors(base, engine), initial, base.config).byteLength;

/** Memory in the weights of both models. */
const WAYS: [times: number, way: string][] = [
  [Infinity, "as one graph"],
  [2, "as one graph"],
  [1.5, "layer by layer"],
  [1, "layer by layer, weights streamed"],
];

for (const [times, way] of WAYS) {
  Deno.test(`with memory for ${times} times the weights a step is computed ${way}`, async () => {
    await using pair = await tinyPair();
    const expected = await twoSteps(pair, engine);
    const found = await twoSteps(pair, withMemory(engine, times * bytesOf(pair)));
    assert.deepEqual([expected.way, found.way], ["as one graph", way]);
    assertWithin(relativeError(found.numbers, expected.numbers), 1e-5, "loss and gradients");
  });
}

const refusal = new DeviceMemoryError({ problem: "no room", expected: "more memory" });

/** An engine that refuses the work of number `failing`: placings, and runs of graphs. */
function refusing(engine: Engine, failing: number, error: Error): Engine {
  let count = 0;
  const work = () => {
    if (count++ === failing) throw error;
  };
  return {
    ...engine,
    async place(numbers, name) {
      work();
      return await engine.place(numbers, name);
    },
    async compile(outputs) {
      const program = await engine.compile(outputs);
      return {
        run: (feeds) => Promise.resolve().then(work).then(() => program.run(feeds)),
        keep: (feeds) => program.keep(feeds),
        release: () => program.release(),
      };
    },
  };
}

Deno.test("a device that refuses memory, while it is placed or in a step, goes on layer by layer", async () => {
  await using pair = await tinyPair();
  const unbounded = withMemory(engine, Infinity);
  const expected = await twoSteps(pair, unbounded);
  // Weights of both models, then two steps.
  let placings = 0;
  const place: Engine["place"] = (...given) => {
    placings++;
    return engine.place(...given);
  };
  await twoSteps(pair, { ...unbounded, place });
  for (const failing of [0, placings - 1, placings, placings + 1]) {
    const { engine: counted, held } = countingEngine(unbounded);
    const found = await twoSteps(pair, refusing(counted, failing, refusal));
    assert.equal(found.way, "layer by layer", `refused ${failing}`);
    assertWithin(relativeError(found.numbers, expected.numbers), 1e-5, "loss and gradients");
    await Promise.resolve();
    assert.deepEqual([held.placed, held.programs], [0, 0], "released");
  }
});

Deno.test("any other fault of a device is told", async () => {
  await using pair = await tinyPair();
  const fault = new DeviceError({ problem: "is lost", expected: "a device that stays" });
  const { engine: counted, held } = countingEngine(withMemory(engine, Infinity));
  await assert.rejects(twoSteps(pair, refusing(counted, 0, fault)), fault);
  assert.deepEqual([held.placed, held.programs], [0, 0], "released");
});

Deno.test("placing the weights of both models stops when it is told to", async () => {
  await using pair = await tinyPair();
  const { engine: counted, held } = countingEngine(engine);
  const controller = new AbortController();
  const reason = new Error("enough");
  const place: Engine["place"] = (...given) => {
    if (held.works === 9) controller.abort(reason);
    return counted.place(...given);
  };
  const stopped = twoSteps(pair, { ...counted, place }, controller.signal);
  await assert.rejects(stopped, reason);
  assert.deepEqual([held.works, held.placed, held.programs], [10, 0, 0]);
});
