import assert from "node:assert/strict";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { layerObjective } from "../../lib/methods/objective.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { apart, flat } from "../graph/linear_algebra/plain.ts";
import { withMemory } from "../graph/with_memory.ts";
import { gpuTest } from "../webgpu/gpu.ts";
import { countingEngine } from "./counting_engine.ts";
import { readSlabs } from "./in_slabs.ts";
import { engine } from "./oracle_pair.ts";
import { type LayerNumbers, placedLayer, plainObjective, randomLayer } from "./plain_objective.ts";

/** Memory in which 60 numbers are formed at once. */
const MEMORY = 128 * 4 * 60;
const SHAPES: readonly (readonly [LinearShape, number])[] = [
  [[1, 1], 1],
  [[5, 33], 7],
  [[20, 3], 1025],
  [[7, 9], 2500],
];

async function assertDefined(on: Engine, numbers: LayerNumbers, bound: number) {
  const [rows, width] = numbers.shape;
  for (const sequential of [false, true]) {
    for (const ridge of [0, 0.2]) {
      const { delta, c, p } = plainObjective(numbers, { sequential, ridge });
      await using programs = new ProgramCache(on);
      await using layer = await placedLayer(on, numbers);
      using found = await layerObjective(layer, { sequential, ridge }, programs);
      const [ofC] = await on.read([found.c]);
      assert.deepEqual(flat(await readSlabs(on, found.delta)), flat(delta));
      const label = `${rows} × ${width}, ${sequential}, ${ridge}`;
      assertWithin(relativeError(ofC, flat(c)), bound, `C of ${label}`);
      // Sequentially what is aimed at is left of outputs that are ten times as large.
      const ofAim = apart(await readSlabs(on, found.p), p);
      assertWithin(ofAim, sequential ? 10 * bound : bound, `P of ${label}`);
    }
  }
}

for (const [shape, tokens] of SHAPES) {
  Deno.test(`C and P of ${shape} and ${tokens} tokens are as defined`, async () => {
    await assertDefined(withMemory(engine, MEMORY), randomLayer(shape, tokens), 2e-6);
  });
  gpuTest(`C and P of ${shape} and ${tokens} tokens are as defined`, async (gpu) => {
    await assertDefined(gpu, randomLayer(shape, tokens), 2e-6);
  });
}

Deno.test("what chunk after chunk adds to a large sum is not lost", async () => {
  // The first chunk outweighs each of the others by 2²⁴, so that a sum of 32-bit floats would stand still.
  const tokens = 40 * 1024;
  const fineInputs = new Float32Array(tokens).fill(1);
  fineInputs.fill(4096, 0, 1024);
  const numbers = {
    ...{ shape: [1, 1], base: Float32Array.of(0), fine: Float32Array.of(1) } as const,
    ...{ fineInputs, compressedInputs: fineInputs },
  };
  await using programs = new ProgramCache(engine);
  await using layer = await placedLayer(engine, { ...numbers, shape: [1, 1] });
  using found = await layerObjective(layer, { sequential: false, ridge: 0 }, programs);
  const [[c]] = await engine.read([found.c]);
  assertWithin(Math.abs(c * tokens - (2 ** 34 + 39 * 1024)), 2 ** 11, "the last digit");
});

Deno.test("C is found once for a group, and nothing is left on an engine, whichever work fails", async () => {
  const numbers = randomLayer([20, 3], 30);
  const run = async (on: Engine) => {
    await using programs = new ProgramCache(on);
    await using layer = await placedLayer(on, numbers);
    for (const sequential of [false, true]) {
      using first = await layerObjective(layer, { sequential, ridge: 0.2 }, programs);
      using second = await layerObjective(layer, { sequential, ridge: 0.2 }, programs);
      assert.equal(first.c, second.c);
      assert.notEqual(first.p, second.p);
    }
  };
  const counted = countingEngine(withMemory(engine, MEMORY));
  await run(counted.engine);
  assert.equal(counted.held.placed, 0);
  for (let failing = 2; failing < counted.held.works; failing++) {
    const { engine: on, held } = countingEngine(withMemory(engine, MEMORY), failing);
    await assert.rejects(run(on), /a failing device/);
    assert.equal(held.placed, 0, `work ${failing}`);
  }
});

Deno.test("a signal stops it between chunks of tokens", async () => {
  const controller = new AbortController();
  await using programs = new ProgramCache(engine);
  await using layer = await placedLayer(engine, randomLayer([2, 3], 3000));
  controller.abort(new Error("enough"));
  const settings = { sequential: true, ridge: 0.2 };
  await assert.rejects(layerObjective(layer, settings, programs, controller.signal), /enough/);
});
