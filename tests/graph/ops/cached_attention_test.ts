/** Cached attention on the CPU: windows, rings and pages; each row by itself; what it changes, and what it refuses. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import type { Engine, Reserved } from "../../../lib/graph/engine.ts";
import { input, type Numbers, type Value } from "../../../lib/graph/graph.ts";
import { type CachedAttention, cachedAttention } from "../../../lib/graph/ops/cached_attention.ts";
import { add, scaleBy } from "../../../lib/graph/ops/elementwise.ts";
import { GraphError } from "../../../lib/util/errors.ts";
import { SeededRandom } from "../../../lib/util/random.ts";
import { assertWithin, relativeError } from "../closeness.ts";
import { type AttentionSizes, PlainCache, type Row, stepShapes } from "./cached_attention_case.ts";
import { asStored, normalRows } from "./grouped_case.ts";

const engines = [1, 2].map((threads) => onnxEngine({ threads }));

/** Scores of heads of 68 reach 30, of which the last place of a float is 2e-6. */
const BOUND = 1e-5;

const WHOLE = ["sequences", "positions", "pages"];

function attention(
  rows: number,
  sizes: AttentionSizes,
  change: Partial<CachedAttention> = {},
): Value {
  const operands = Object.fromEntries(
    Object.entries(stepShapes(rows, sizes)).map(([name, shape]) => [
      name,
      input(name, shape, WHOLE.includes(name) ? "i32" : "f32"),
    ]),
  ) as unknown as CachedAttention;
  const { headSize, pageSize, window: slidingWindow } = sizes;
  return cachedAttention({ ...operands, ...change }, { headSize, pageSize, slidingWindow });
}

/** Runs steps of rows, each on programs of its own number of rows. */
class Steps implements AsyncDisposable {
  readonly #caches: Promise<Reserved>[];

  constructor(
    readonly engine: Engine,
    readonly sizes: AttentionSizes,
    readonly dtype: "F32" | "BF16" | "F16",
    readonly pages: Int32Array,
  ) {
    const { keyCache, valueCache } = stepShapes(1, sizes);
    this.#caches = [keyCache, valueCache].map((shape) => engine.reserve({ dtype, shape }, "cache"));
  }

  async step(rows: readonly Row[]): Promise<Numbers> {
    const joined = (name: "query" | "key" | "value") =>
      Float32Array.from(rows.flatMap((row) => [...row[name]]));
    const program = await this.engine.compile({ y: attention(rows.length, this.sizes) });
    const [keyCache, valueCache] = await Promise.all(this.#caches);
    const { y } = await program.run({
      ...{ queries: joined("query"), keys: joined("key"), values: joined("value") },
      ...{ keyCache, valueCache, pages: this.pages },
      sequences: Int32Array.from(rows, ({ sequence }) => sequence),
      positions: Int32Array.from(rows, ({ position }) => position),
    });
    await program.release();
    return y;
  }

  /** What the caches hold. */
  async held(): Promise<Numbers[]> {
    return await this.engine.read(await Promise.all(this.#caches));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cache of await Promise.all(this.#caches)) cache.release();
  }
}

const random = new SeededRandom(11);

function row(
  sequence: number,
  position: number,
  { heads, keyHeads, headSize }: AttentionSizes,
): Row {
  const seed = random.integer(2 ** 30);
  return {
    ...{ sequence, position },
    query: normalRows(seed, heads * headSize),
    key: normalRows(seed + 1, keyHeads * headSize),
    value: normalRows(seed + 2, keyHeads * headSize),
  };
}

/** Pages of sequences in some order that is not theirs. */
function shuffledPages({ sequences, pageCount }: AttentionSizes): Int32Array {
  return Int32Array.from({ length: sequences * pageCount }, (_, at) => at).reverse();
}

/** Chunks of prompts, then tokens of several sequences together, with rows of none between. */
function steps(sizes: AttentionSizes, chunks: readonly number[], tokens: number): Row[][] {
  const at = Array.from({ length: sizes.sequences }, () => 0);
  const of = (sequence: number) => row(sequence, at[sequence]++, sizes);
  const prefill = at.flatMap((_, sequence) =>
    chunks.map((count) => Array.from({ length: count - sequence }, () => of(sequence)))
  );
  const decode = Array.from({ length: tokens }, () =>
    [
      ...at.map((_, sequence) => of(sequence)),
      row(-1, -5, sizes),
    ].reverse());
  return [...prefill, ...decode];
}

const base = { heads: 4, keyHeads: 2, headSize: 8, pageSize: 4, sequences: 3 };
const cases: [name: string, AttentionSizes, chunks: number[], tokens: number][] = [
  ["all positions", { ...base, pageCount: 12, window: null }, [40, 4], 3],
  ["a window", { ...base, pageCount: 12, window: 5 }, [40, 4], 3],
  ["a ring that is gone round", { ...base, pageCount: 4, window: 9 }, [8, 8, 8], 20],
  ["a window of one", { ...base, pageCount: 2, window: 1 }, [8, 7], 9],
  ["a head of keys a head", { ...base, heads: 2, headSize: 6, pageCount: 5, window: null }, [7], 5],
  [
    "odd groups of large heads",
    {
      ...{ heads: 3, keyHeads: 1, headSize: 68, pageSize: 64, sequences: 2 },
      ...{ pageCount: 2, window: null },
    },
    [70],
    4,
  ],
  [
    "pairs of heads in pages of one",
    {
      ...{ heads: 8, keyHeads: 2, headSize: 2, pageSize: 1, sequences: 2 },
      ...{ pageCount: 30, window: 17 },
    },
    [9],
    25,
  ],
];

for (const [name, sizes, chunks, tokens] of cases) {
  for (const dtype of ["F32", "BF16", "F16"] as const) {
    Deno.test(`attention over ${name}, kept in ${dtype}`, async () => {
      const plain = new PlainCache(sizes.headSize, sizes.window, (each) => asStored(each, dtype));
      const pages = shuffledPages(sizes);
      await using one = new Steps(engines[0], sizes, dtype, pages);
      await using two = new Steps(engines[1], sizes, dtype, pages);
      for (const rows of steps(sizes, chunks, tokens)) {
        const found = await one.step(rows);
        assertWithin(relativeError(found, plain.step(rows)), BOUND, name);
        assert.deepEqual(await two.step(rows), found);
      }
      assert.deepEqual(await two.held(), await one.held());
    });
  }
}

Deno.test("a row is the same in any batch, and so is what is kept of it", async () => {
  const sizes = { ...base, heads: 6, pageCount: 12, window: 7 };
  await using together = new Steps(engines[1], sizes, "BF16", shuffledPages(sizes));
  await using alone = new Steps(engines[0], sizes, "BF16", shuffledPages(sizes));
  for (const rows of steps(sizes, [], 20)) {
    const all = await together.step(rows);
    const each = [];
    for (const one of rows.toReversed()) each.unshift(...await alone.step([one]));
    assert.deepEqual([...all], each);
  }
  assert.deepEqual(await alone.held(), await together.held());
});

Deno.test("scores that are far apart, alike or large leave finite weights", async () => {
  const sizes = { ...base, heads: 2, sequences: 1, pageCount: 3, window: null };
  const plain = new PlainCache(sizes.headSize, null, (each) => each);
  await using steps = new Steps(engines[0], sizes, "F32", shuffledPages(sizes));
  for (const [position, scale] of [0, 1, 30, 100, 1e4, 0, 50].entries()) {
    const given = row(0, position, sizes);
    const rows = [{ ...given, query: given.query.map((each) => each * scale) }];
    assertWithin(relativeError(await steps.step(rows), plain.step(rows)), 1e-5, `${scale}`);
  }
});

Deno.test("attention between other ops sees what they give", async () => {
  const sizes = { ...base, pageCount: 3, window: null };
  const plain = new PlainCache(sizes.headSize, null, (each) => each);
  const rows = [row(1, 0, sizes), row(0, 0, sizes), row(1, 1, sizes)];
  const { queries, keyCache } = stepShapes(3, sizes);
  const scaled = scaleBy(input("half queries", queries), 2);
  const attended = attention(3, sizes, { queries: scaled });
  const program = await engines[1].compile({ y: add(scaleBy(attended, 3), scaled), attended });
  const caches = await Promise.all(
    [1, 2].map(() => engines[1].reserve({ dtype: "F32", shape: keyCache }, "cache")),
  );
  const joined = (name: "query" | "key" | "value") =>
    Float32Array.from(rows.flatMap((each) => [...each[name]]));
  const { y, attended: found } = await program.run({
    "half queries": joined("query").map((each) => each / 2),
    ...{ keys: joined("key"), values: joined("value"), pages: shuffledPages(sizes) },
    ...{ keyCache: caches[0], valueCache: caches[1] },
    sequences: Int32Array.of(1, 0, 1),
    positions: Int32Array.of(0, 0, 1),
  });
  const expected = plain.step(rows);
  assertWithin(relativeError(found, expected), 2e-6, "attended");
  const sum = joined("query").map((each, at) => each + 3 * expected[at]);
  assertWithin(relativeError(y, sum), 2e-6, "sum");
  caches.forEach((each) => each.release());
  await program.release();
});

Deno.test("rows that fit no cache are refused, and nothing is written", async () => {
  const sizes = { ...base, pageCount: 2, window: 6 };
  const shapes = stepShapes(2, sizes);
  const [engine] = engines;
  const caches = await Promise.all(
    [1, 2].map(() => engine.reserve({ dtype: "F32", shape: shapes.keyCache }, "cache")),
  );
  const program = await engine.compile({ y: attention(2, sizes) });
  const run = (change: Record<string, Numbers | Reserved>) =>
    program.run({
      ...{ queries: normalRows(1, ...shapes.queries), keys: normalRows(2, ...shapes.keys) },
      ...{ values: normalRows(3, ...shapes.values), keyCache: caches[0], valueCache: caches[1] },
      sequences: Int32Array.of(0, 1),
      positions: Int32Array.of(8, 9),
      pages: Int32Array.of(0, 1, 2, 3, 4, 5),
      ...change,
    });
  const refusals: [Record<string, Numbers | Reserved>, RegExp][] = [
    [{ sequences: Int32Array.of(0, 3) }, /'cachedAttention': there is no such sequence: got 3/],
    [{ sequences: Int32Array.of(-2, 1) }, /no such sequence: got -2; expected -1 to 2/],
    [{ positions: Int32Array.of(0, -1) }, /a row of sequence 1 has no position of its own: got -1/],
    [
      { sequences: Int32Array.of(1, 1), positions: Int32Array.of(3, 3) },
      /a row of sequence 1 has no position of its own: got 3/,
    ],
    [
      { sequences: Int32Array.of(1, 1), positions: Int32Array.of(5, 8) },
      /the pages of sequence 1 have no room .*: got 'positions 0 to 8'; expected 8 at most/,
    ],
    [{ pages: Int32Array.of(0, 1, 6, 3, 4, 5) }, /no such page: got 6; expected 0 to 5/],
    [{ pages: Int32Array.of(0, 1, -1, 3, 4, 5) }, /no such page: got -1/],
    [{ keyCache: new Float32Array(24 * 16) }, /cannot be changed: got 'keyCache'; expected two/],
    [{ valueCache: caches[0] }, /is fed with the same memory twice: got 'valueCache'/],
  ];
  for (const [change, words] of refusals) {
    await assert.rejects(run(change), (error: Error) => {
      assert.ok(error instanceof GraphError, String(error));
      assert.match(error.message, words);
      return true;
    });
  }
  const zeros = new Float32Array(24 * 16);
  assert.deepEqual(await engine.read(caches), [zeros, zeros]);
  await run({ sequences: Int32Array.of(0, -1), pages: Int32Array.of(0, 1, -1, 99, 4, 5) });
  caches.forEach((each) => each.release());
  await program.release();
});

Deno.test("operands of cached attention that do not fit are refused", () => {
  const sizes = { ...base, pageCount: 2, window: 6 };
  const whole = (...shape: number[]) => input("whole", shape, "i32");
  const real = (...shape: number[]) => input("real", shape);
  const refused: [Partial<CachedAttention>, Partial<AttentionSizes>][] = [
    [{ queries: real(2, 24) }, {}],
    [{ queries: real(3, 32) }, {}],
    [{ keys: real(2, 8) }, {}],
    [{ keyCache: real(24, 8) }, {}],
    [{ valueCache: real(20, 16) }, {}],
    [{ valueCache: input("keyCache", [24, 16]) }, {}],
    [{ keyCache: scaleBy(real(24, 16), 2) }, {}],
    [{ sequences: whole(3) }, {}],
    [{ positions: real(2) }, {}],
    [{ pages: whole(6) }, {}],
    [{}, { window: 0 }],
    [{}, { headSize: 3, heads: 8 }],
  ];
  for (const [change, other] of refused) {
    assert.throws(() => attention(2, { ...sizes, ...other }, change), GraphError);
  }
});
