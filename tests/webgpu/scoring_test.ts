/** Scoring on a GPU: how often it is waited for. */

import assert from "node:assert/strict";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import { textOfTokens } from "../evaluation/oracle_perplexity.ts";
import { withMemory } from "../graph/with_memory.ts";
import { randomModel, randomTokens, tinyConfig } from "../model/random_model.ts";
import { gpuTest } from "./gpu.ts";
import { countWaits } from "./waits.ts";

for (const [name, bytes] of Object.entries({ "that stays": 2 ** 30, "that is streamed": 0 })) {
  gpuTest(`scoring by a model ${name} waits for the GPU once a batch`, async (gpu) => {
    const engine = withMemory(gpu, bytes);
    const [fine, model] = [randomModel(tinyConfig, 1), randomModel(tinyConfig, 2)];
    const evaluator = new Evaluator(engine, tinyConfig, { context: 8, window: 4 });
    // Without memory a batch is one window; with it, eight.
    const windows = bytes === 0 ? 1 : 8;
    const waits = async (batches: number) => {
      const tokens = randomTokens(tinyConfig, 8 + 4 * windows * batches, 4);
      const text = textOfTokens("random", [...tokens]);
      let reference: Awaited<ReturnType<typeof evaluator.reference>>;
      const first = await countWaits(async () => {
        reference = await evaluator.reference(fine, text);
      });
      return [first, await countWaits(() => evaluator.score(model, text, reference))];
    };
    // Products are measured, and so waited for, the first time that they are met.
    await waits(1);
    assert.deepEqual([await waits(1), await waits(5)], [[1, 1], [5, 5]]);
    await evaluator.release();
  });
}
