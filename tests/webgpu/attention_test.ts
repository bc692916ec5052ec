/** Attention on the GPU against plain loops, fused and not, forward and backward. */

import assert from "node:assert/strict";
import { topologicalOrder } from "../../lib/graph/graph.ts";
import { fuse } from "../../lib/engines/webgpu/fused/fuse.ts";
import {
  assertAttention,
  attention,
  type AttentionCase,
  describe,
  hasBlindQueries,
  paddedAfter,
  randomAttentions,
} from "../graph/attention_case.ts";
import { gpuTest } from "./gpu.ts";

const BOUNDS = { forward: 1e-5, backward: 1e-5 };
/** Scores of hundreds have an absolute error of 1e-5 in float32, and their exponentials a relative one. */
const BOUNDS_OF_LARGE_SCORES = { forward: 1e-4, backward: 1e-4 };

// Shaders are compiled for heads of a multiple of 4 features or not, for each 32 of them, and for masks:
// four of these combinations.
const cases: AttentionCase[] = [
  { ...sizes(1, 1, 4, [1]), heads: 1, keyHeads: 1, slidingWindow: null },
  { ...sizes(3, 31, 8, [31, 1, 17]), heads: 2, keyHeads: 1, slidingWindow: null },
  { ...sizes(3, 33, 12, [33, 20, 32]), heads: 4, keyHeads: 2, slidingWindow: 5 },
  { ...sizes(1, 33, 6), heads: 2, keyHeads: 2, slidingWindow: 1 },
  { ...sizes(3, 65, 30), heads: 4, keyHeads: 1, slidingWindow: 64 },
  { ...sizes(2, 130, 32, [40, 0]), heads: 2, keyHeads: 1, slidingWindow: 5 },
  { ...sizes(1, 65, 30), heads: 2, keyHeads: 1, slidingWindow: null, spread: 60 },
  { ...sizes(1, 130, 128, [97]), heads: 8, keyHeads: 4, slidingWindow: null },
  { ...sizes(1, 65, 128, [20]), heads: 2, keyHeads: 1, slidingWindow: 40 },
  { ...sizes(1, 33, 254), heads: 1, keyHeads: 1, slidingWindow: null },
];

for (const each of cases) {
  gpuTest(`fused attention is the plain one: ${describe(each)}`, async (engine) => {
    const operations = topologicalOrder(Object.values(fuse(attention(each).outputs)))
      .map(({ operation }) => operation);
    assert.ok(!operations.includes("maskedSoftmax") && operations.includes("fusedAttention"));
    await assertAttention(engine, each, each.spread ? BOUNDS_OF_LARGE_SCORES : BOUNDS);
  });
}

gpuTest("200 random attentions, fused, are the plain ones", async (engine) => {
  const random = randomAttentions(200);
  assert.ok(random.filter(hasBlindQueries).length > 80);
  for (const each of random) await assertAttention(engine, each);
});

gpuTest(
  "random attentions whose weights are asked for too, so not fused, are as well",
  async (engine) => {
    for (const each of randomAttentions(60)) await assertAttention(engine, each, undefined, true);
  },
);

gpuTest("the same attention gives the same bits again", async (engine) => {
  const { outputs, feeds } = attention(cases[2]);
  const program = await engine.compile(outputs);
  const first = structuredClone(await program.run(feeds));
  assert.deepEqual(await program.run(feeds), first);
  await program.release();
});

/** Sizes, and with `lengths` the real tokens of each sequence, before its padding. */
function sizes(batch: number, sequence: number, headSize: number, lengths?: number[]) {
  const real = lengths && paddedAfter(sequence, ...lengths);
  return { batch, sequence, headSize, real };
}
