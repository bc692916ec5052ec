/** Fused attention on the GPU against the plain ops on ONNX Runtime, forward and backward. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, type Numbers, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import { attentionMix } from "../../lib/graph/ops/attention_mix.ts";
import { attentionScores } from "../../lib/graph/ops/attention_scores.ts";
import { maskedSoftmax } from "../../lib/graph/ops/masked_softmax.ts";
import { onnxEngine } from "../../lib/onnx/engine.ts";
import { SeededRandom } from "../../lib/random.ts";
import { fuse } from "../../lib/webgpu/fuse/fuse.ts";
import type { WebGpuEngine } from "../../lib/webgpu/engine.ts";
import { assertWithin } from "../graph/closeness.ts";
import { gpuTest } from "./gpu.ts";

/** One attention. */
interface AttentionCase {
  batch: number;
  sequence: number;
  headSize: number;
  heads: number;
  keyHeads: number;
  slidingWindow: number | null;
  /** Real tokens of each sequence, before its padding; absent: no key mask. */
  lengths?: number[];
  /** Standard deviation of the scores; default: 1.5. */
  spread?: number;
}

/** Largest error, see {@linkcode errorOf}. */
const BOUND = 1e-5;
/** Scores of hundreds have an absolute error of 1e-5 in float32, and their exponentials a relative one. */
const BOUND_OF_LARGE_SCORES = 1e-4;

const cases: AttentionCase[] = [
  { ...sizes(1, 1, 2), heads: 1, keyHeads: 1, slidingWindow: null, lengths: [1] },
  { ...sizes(3, 31, 6), heads: 2, keyHeads: 1, slidingWindow: null, lengths: [31, 1, 17] },
  { ...sizes(3, 33, 6), heads: 4, keyHeads: 2, slidingWindow: 5, lengths: [33, 20, 32] },
  { ...sizes(1, 33, 8), heads: 2, keyHeads: 2, slidingWindow: 1 },
  { ...sizes(3, 65, 32), heads: 4, keyHeads: 1, slidingWindow: 64 },
  { ...sizes(1, 130, 32), heads: 1, keyHeads: 1, slidingWindow: 5 },
  { ...sizes(1, 65, 32), heads: 2, keyHeads: 1, slidingWindow: null, spread: 60 },
  { ...sizes(1, 130, 64), heads: 8, keyHeads: 4, slidingWindow: null, lengths: [97] },
  { ...sizes(1, 65, 128), heads: 2, keyHeads: 1, slidingWindow: 64 },
  { ...sizes(1, 33, 254), heads: 1, keyHeads: 1, slidingWindow: null, lengths: [30] },
];

for (const each of cases) {
  gpuTest(`fused attention is the plain one: ${describe(each)}`, async (engine) => {
    await assertSame(engine, each);
  });
}

gpuTest("any small attention, fused, is the plain one", async (engine) => {
  const layouts = fc.record({
    batch: fc.integer({ min: 1, max: 2 }),
    sequence: fc.integer({ min: 1, max: 70 }),
    headSize: fc.constantFrom(2, 6),
    keyHeads: fc.integer({ min: 1, max: 3 }),
    headsOfGroup: fc.integer({ min: 1, max: 3 }),
    slidingWindow: fc.option(fc.integer({ min: 1, max: 80 })),
    padding: fc.array(fc.integer({ min: 0, max: 69 }), { minLength: 2, maxLength: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(layouts, async ({ headsOfGroup, padding, ...each }) => {
      const heads = each.keyHeads * headsOfGroup;
      const lengths = padding.slice(0, each.batch).map((pads) => Math.max(1, each.sequence - pads));
      await assertSame(engine, { ...each, heads, lengths });
    }),
    { numRuns: 12 },
  );
});

gpuTest("a query that sees padding alone takes the mean of what it sees", async (engine) => {
  const { batch, sequence, headSize, heads, keyHeads, slidingWindow, lengths } = cases[2];
  const { outputs: { output }, feeds, seesReal } = attention(cases[2]);
  const program = await engine.compile({ output });
  const { output: mixed } = await program.run(feeds);
  let checked = 0;
  for (let row = 0; row < batch * sequence; row++) {
    if (seesReal(row)) continue;
    for (let head = 0; head < heads; head++) {
      const group = Math.floor(head * keyHeads / heads);
      let mean = 0;
      for (let key = row - slidingWindow! + 1; key <= row; key++) {
        mean += feeds.values[(key * keyHeads + group) * headSize] / slidingWindow!;
      }
      assertWithin(Math.abs(mixed[(row * heads + head) * headSize] - mean), 1e-6, `row ${row}`);
      checked++;
    }
  }
  assert.equal(checked, (sequence - lengths![1] - slidingWindow! + 1) * heads);
  await program.release();
});

gpuTest("the same attention gives the same bits again", async (engine) => {
  const { outputs, feeds } = attention(cases[2]);
  const program = await engine.compile(outputs);
  const first = structuredClone(await program.run(feeds));
  assert.deepEqual(await program.run(feeds), first);
  await program.release();
});

function sizes(batch: number, sequence: number, headSize: number) {
  return { batch, sequence, headSize };
}

function describe(each: AttentionCase): string {
  const { batch, sequence, headSize, heads, keyHeads, slidingWindow, lengths, spread } = each;
  return [
    `${batch} × ${sequence} tokens`,
    `${heads} heads of ${headSize} on ${keyHeads}`,
    slidingWindow && `window ${slidingWindow}`,
    lengths && `lengths ${lengths}`,
    spread && `scores of ±${spread}`,
  ].filter(Boolean).join(", ");
}

/** The plain ops and their gradients, with numbers for their inputs. */
function attention(each: AttentionCase) {
  const { batch, sequence, headSize, heads, keyHeads, slidingWindow, lengths, spread = 1.5 } = each;
  const random = new SeededRandom(sequence + headSize);
  const rows = batch * sequence;
  const feeds: Record<string, Numbers> = {};
  const normal = (name: string, columns: number, deviation = 1): Value => {
    feeds[name] = Float32Array.from(
      { length: rows * columns },
      () => deviation * random.normal(),
    );
    return input(name, [rows, columns]);
  };
  const queries = normal("queries", heads * headSize, spread / Math.sqrt(headSize));
  const keys = normal("keys", keyHeads * headSize);
  const values = normal("values", keyHeads * headSize);
  const upstream = normal("upstream", heads * headSize);
  const keyMask = lengths && input("keyMask", [batch, sequence], "i32");
  if (lengths) {
    feeds.keyMask = Int32Array.from(
      { length: rows },
      (_, row) => row % sequence < lengths[Math.floor(row / sequence)] ? 1 : 0,
    );
  }
  // A query that sees padding alone has no attention to speak of, and the engines differ in it.
  const seesReal = (row: number) =>
    !lengths ||
    row % sequence - (slidingWindow ?? sequence) + 1 < lengths[Math.floor(row / sequence)];
  for (let row = 0; row < rows; row++) {
    if (seesReal(row)) continue;
    feeds.upstream.fill(0, row * heads * headSize, (row + 1) * heads * headSize);
  }
  const layout = { batch, sequence, headSize };
  const weights = maskedSoftmax(attentionScores(queries, keys, layout), { slidingWindow, keyMask });
  const output = attentionMix(weights, values, layout);
  const [byQueries, byKeys, byValues] = gradient(output, [queries, keys, values], upstream);
  return { outputs: { output, byQueries, byKeys, byValues }, feeds, seesReal };
}

async function assertSame(gpu: WebGpuEngine, each: AttentionCase): Promise<void> {
  const { outputs, feeds, seesReal } = attention(each);
  const fused = topologicalOrder(Object.values(fuse(outputs))).map(({ operation }) => operation);
  assert.ok(!fused.includes("maskedSoftmax") && fused.includes("fusedAttention"));
  const results = [];
  for (const engine of [onnxEngine({ threads: 1 }), gpu]) {
    const program = await engine.compile(outputs);
    results.push(structuredClone(await program.run(feeds)));
    await program.release();
  }
  const [expected, actual] = results;
  const width = each.heads * each.headSize;
  for (const numbers of [expected.output, actual.output]) {
    for (let row = 0; row < numbers.length / width; row++) {
      if (!seesReal(row)) numbers.fill(0, row * width, (row + 1) * width);
    }
  }
  for (const [name, numbers] of Object.entries(expected)) {
    const bound = each.spread ? BOUND_OF_LARGE_SCORES : BOUND;
    assertWithin(errorOf(actual[name], numbers), bound, `${name}, ${describe(each)}`);
  }
}

/**
 * Largest |actual − expected| relative to the expected number, where one below the root mean square of
 * all, or below 1, counts as that: gradients that are 0 but for rounding come of terms of about 1.
 */
function errorOf(actual: Numbers, expected: Numbers): number {
  assert.equal(actual.length, expected.length);
  let squares = 0;
  for (const each of expected) squares += each * each;
  const floor = Math.max(1, Math.sqrt(squares / expected.length));
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]) / Math.max(floor, Math.abs(expected[i]));
    // Not `Math.max`: a NaN must stay one.
    if (!(error <= largest)) largest = error;
  }
  return largest;
}
