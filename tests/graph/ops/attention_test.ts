import fc from "fast-check";
import { attentionMix, attentionScores, maskedSoftmax } from "../../../lib/graph/ops/attention.ts";
import { rotary } from "../../../lib/graph/ops/rotary.ts";
import { checkOp, normals, type OpCase, testOp, wholes } from "../op_case.ts";
import * as plain from "../plain/attention.ts";

/** Frequencies of pairs of features, and a factor that a rotation has not. */
const turnsOf = (headSize: number) => ({
  frequencies: Float32Array.from({ length: headSize / 2 }, (_, pair) => 0.7 ** pair),
  attentionFactor: 1.25,
});

/** The four ops on one layout of heads. */
function casesOf(name: string, heads: plain.Heads): OpCase[] {
  const { batch, sequence, headSize, groups } = heads;
  const rows = batch * sequence;
  const perQuery = normals(1, rows, heads.heads * headSize);
  const perKey = normals(2, rows, groups * headSize);
  const weights = normals(3, batch, heads.heads, sequence, sequence);
  return [{
    name: `attentionScores, ${name}`,
    operands: [perQuery, perKey],
    build: (queries, keys) => attentionScores(queries, keys, heads),
    plain: (queries, keys) => plain.attentionScores(queries, keys, heads),
  }, {
    name: `attentionMix, ${name}`,
    operands: [weights, perKey],
    build: (weights, values) => attentionMix(weights, values, heads),
    plain: (weights, values) => plain.attentionMix(weights, values, heads),
  }, {
    name: `attentionMix transposed, ${name}`,
    operands: [weights, perQuery],
    build: (weights, rows) => attentionMix(weights, rows, heads, groups),
    plain: (weights, rows) => plain.attentionMixTransposed(weights, rows, heads),
  }, {
    name: `rotary, ${name}`,
    operands: [perQuery],
    build: (x) => rotary(x, heads, turnsOf(headSize)),
    plain: (x) => plain.rotary(x, heads, turnsOf(headSize)),
  }, {
    name: `rotary inverse, ${name}`,
    operands: [perQuery],
    build: (x) => rotary(x, heads, turnsOf(headSize), true),
    plain: (x) => plain.rotary(x, heads, turnsOf(headSize), true),
  }];
}

const SEQUENCE = 5;
const grouped = { batch: 2, sequence: SEQUENCE, headSize: 4, heads: 4, groups: 2 };

/** Attention masks of two sequences. */
const paddings: Record<string, number[]> = {
  "on the right, as the study pads": [1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
  "on the left": [1, 1, 1, 1, 1, 0, 0, 1, 1, 1],
  "everywhere": [0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
};

/** Scores of two sequences. With a window of less than the padding some queries see no real key. */
function softmaxCase(window: number | null, padding?: string): OpCase {
  const scores = normals(4, 2, grouped.heads, SEQUENCE, SEQUENCE);
  const operands = [scores];
  if (padding) operands.push({ ...wholes(...paddings[padding]), shape: [2, SEQUENCE] });
  return {
    name: `maskedSoftmax, window ${window}${padding ? `, padding ${padding}` : ""}`,
    operands,
    build: (scores, attentionMask) =>
      maskedSoftmax(scores, { slidingWindow: window, attentionMask }),
    plain: (moved, attentionMask) =>
      plain.maskedSoftmax(moved, grouped, window, attentionMask, scores.numbers),
  };
}

const cases: OpCase[] = [
  ...casesOf("one head", { batch: 1, sequence: 3, headSize: 6, heads: 1, groups: 1 }),
  ...casesOf("each head its own keys", { batch: 2, sequence: 4, headSize: 2, heads: 3, groups: 3 }),
  ...casesOf("grouped queries", grouped),
  ...casesOf("all queries on one key head", { ...grouped, heads: 6, groups: 1 }),
  ...casesOf("one token", { ...grouped, sequence: 1 }),
  ...[null, 1, 2, SEQUENCE, SEQUENCE + 4].flatMap((window) => [
    softmaxCase(window),
    ...Object.keys(paddings).map((padding) => softmaxCase(window, padding)),
  ]),
];

cases.forEach(testOp);

Deno.test("attention ops: any layout of heads answers what the plain version answers", async () => {
  const layouts = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    sequence: fc.integer({ min: 1, max: 6 }),
    headSize: fc.constantFrom(2, 4, 6),
    groups: fc.integer({ min: 1, max: 3 }),
    queriesOfGroup: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(layouts, async ({ groups, queriesOfGroup, ...layout }) => {
      const heads = { ...layout, groups, heads: groups * queriesOfGroup };
      for (const each of casesOf(JSON.stringify(heads), heads)) await checkOp(each);
    }),
    { numRuns: 10, seed: 1 },
  );
});
