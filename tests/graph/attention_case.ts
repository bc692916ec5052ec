/** One attention with any mask: as a graph, with numbers for its inputs, and what plain loops answer. */

import fc from "fast-check";
import type { Engine } from "../../lib/graph/engine.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, type Numbers, type Value } from "../../lib/graph/graph.ts";
import { attentionMix, attentionScores, maskedSoftmax } from "../../lib/graph/ops/attention.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { assertWithin, errorOfTerms } from "./closeness.ts";
import { attentionAndGradients, keysSeen } from "./plain/attention.ts";

/** One attention. */
export interface AttentionCase {
  batch: number;
  sequence: number;
  headSize: number;
  heads: number;
  keyHeads: number;
  slidingWindow: number | null;
  /** Whether each token of each sequence is real; absent: no attention mask. */
  real?: boolean[];
  /** Standard deviation of the scores; default: 1.5. */
  spread?: number;
}

/** Largest errors of output and gradients, see `errorOfTerms`. */
export interface Bounds {
  forward: number;
  backward: number;
}

const BOUNDS: Bounds = { forward: 1e-5, backward: 1e-4 };

/** The graph of a case, numbers for its inputs, and what plain loops make of them. */
export function attention(each: AttentionCase) {
  const { batch, sequence, headSize, heads, keyHeads, slidingWindow, real, spread = 1.5 } = each;
  const random = new SeededRandom(sequence + headSize);
  const rows = batch * sequence;
  const feeds: Record<string, Numbers> = {};
  const normal = (name: string, columns: number, deviation = 1): Value => {
    feeds[name] = Float32Array.from({ length: rows * columns }, () => deviation * random.normal());
    return input(name, [rows, columns]);
  };
  const queries = normal("queries", heads * headSize, spread / Math.sqrt(headSize));
  const keys = normal("keys", keyHeads * headSize);
  const values = normal("values", keyHeads * headSize);
  const upstream = normal("upstream", heads * headSize);
  const attentionMask = real && input("attentionMask", [batch, sequence], "i32");
  if (real) feeds.attentionMask = Int32Array.from(real, Number);
  const layout = { batch, sequence, headSize };
  const weights = maskedSoftmax(attentionScores(queries, keys, layout), {
    slidingWindow,
    attentionMask,
  });
  const output = attentionMix(weights, values, layout);
  const [byQueries, byKeys, byValues] = gradient(output, [queries, keys, values], upstream);
  const plain = (name: string) => Float64Array.from(feeds[name]);
  const expected = attentionAndGradients(
    {
      queries: plain("queries"),
      keys: plain("keys"),
      values: plain("values"),
      upstream: plain("upstream"),
      attentionMask: real && plain("attentionMask"),
    },
    { ...layout, heads, groups: keyHeads },
    slidingWindow,
  );
  return { outputs: { output, byQueries, byKeys, byValues }, weights, feeds, expected };
}

/** Asserts that an engine answers what plain loops answer, forward and backward. */
export async function assertAttention(
  engine: Engine,
  each: AttentionCase,
  { forward, backward } = BOUNDS,
  whole = false,
): Promise<void> {
  const { outputs, weights, feeds, expected } = attention(each);
  const program = await engine.compile(whole ? { ...outputs, weights } : outputs);
  const results = await program.run(feeds);
  for (const [name, numbers] of Object.entries(expected)) {
    const bound = name === "output" ? forward : backward;
    assertWithin(errorOfTerms(results[name], numbers), bound, `${name}, ${describe(each)}`);
  }
  await program.release();
}

/** A case in words. */
export function describe(each: AttentionCase): string {
  const { batch, sequence, headSize, heads, keyHeads, slidingWindow, real, spread } = each;
  return [
    `${batch} × ${sequence} tokens`,
    `${heads} heads of ${headSize} on ${keyHeads}`,
    slidingWindow && `window ${slidingWindow}`,
    real && `real ${real.map(Number).join("").replaceAll(/(.)\1{4,}/g, (run) => `${run[0]}…`)}`,
    spread && `scores of ±${spread}`,
  ].filter(Boolean).join(", ");
}

/** Tokens of which each sequence has padding after its first `lengths`. */
export function paddedAfter(sequence: number, ...lengths: number[]): boolean[] {
  return lengths.flatMap((length) => Array.from({ length: sequence }, (_, at) => at < length));
}

/** Whether some query sees no real key. */
export function hasBlindQueries({ batch, sequence, slidingWindow, real }: AttentionCase): boolean {
  if (!real) return false;
  return Array.from({ length: batch * sequence }).some((_, row) => {
    const start = row - row % sequence;
    return keysSeen(row % sequence, slidingWindow, real.slice(start).map(Number)).length === 0;
  });
}

/**
 * Seeded random cases: paddings of every kind, windows, grouped queries. Heads of 2 or 6 features have no
 * attention mask and those of 4 or 16 have one: for each of these combinations a GPU compiles shaders.
 */
export function randomAttentions(count: number): AttentionCase[] {
  const layouts = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    sequence: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 20, max: 70 })),
    headSize: fc.constantFrom(2, 4, 4, 6, 16, 16),
    keyHeads: fc.integer({ min: 1, max: 3 }),
    headsOfGroup: fc.integer({ min: 1, max: 3 }),
    slidingWindow: fc.option(fc.integer({ min: 1, max: 40 })),
    padding: fc.constantFrom("after", "before", "both", "anywhere"),
    seed: fc.nat(),
  });
  return fc.sample(layouts, { numRuns: count, seed: 8 }).map(
    ({ headsOfGroup, padding, seed, ...each }) => ({
      ...each,
      heads: each.keyHeads * headsOfGroup,
      real: each.headSize % 4 === 0
        ? randomlyReal(each, padding, new SeededRandom(seed))
        : undefined,
    }),
  );
}

function randomlyReal(
  { batch, sequence }: Pick<AttentionCase, "batch" | "sequence">,
  padding: "after" | "before" | "both" | "anywhere",
  random: SeededRandom,
): boolean[] {
  return Array.from({ length: batch }).flatMap(() => {
    const [one, other] = [random.integer(sequence + 1), random.integer(sequence + 1)];
    const first = padding === "after" ? 0 : Math.min(one, other);
    const end = padding === "before" ? sequence : Math.max(one, other);
    return Array.from(
      { length: sequence },
      (_, at) => padding === "anywhere" ? random.integer(5) === 0 : at >= first && at < end,
    );
  });
}
