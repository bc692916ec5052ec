/**
 * Attention over paged caches on the GPU beside a plain one that keeps every key and value: any sizes of heads, pages
 * and windows, rings that go round, caches in 16 bits, rows alone and among others to the same bit.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type FloatType, fromFloat32, toFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import type { Program, Reserved } from "../../lib/graph/engine.ts";
import { input } from "../../lib/graph/graph.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { scaleBy } from "../../lib/graph/ops/elementwise.ts";
import { cachedAttention, type CacheLayout } from "../../lib/graph/ops/cached_attention.ts";
import { DeviceError, GraphError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { gpuTest } from "./gpu.ts";

/** Sizes of the caches and of what attends. */
interface Sizes extends CacheLayout {
  readonly heads: number;
  readonly keyHeads: number;
  /** Pages of a sequence. */
  readonly pages: number;
  readonly sequences: number;
  readonly dtype: FloatType;
}

/** A row: which sequence goes on. */
type Row = number | null;

const graphOf = (sizes: Sizes, rows: number) => {
  const { heads, keyHeads, headSize, pages, sequences, pageSize } = sizes;
  const cells = [sequences * pages * pageSize, keyHeads * headSize];
  return {
    y: cachedAttention({
      queries: input("queries", [rows, heads * headSize]),
      keys: input("keys", [rows, keyHeads * headSize]),
      values: input("values", [rows, keyHeads * headSize]),
      keyCache: input("keyCache", cells),
      valueCache: input("valueCache", cells),
      sequences: input("sequences", [rows], "i32"),
      positions: input("positions", [rows], "i32"),
      pages: input("pages", [sequences, pages], "i32"),
    }, sizes),
  };
};

/** Sequences with caches on the device, and plain ones beside them. */
class Caches {
  readonly #programs = new Map<number, Promise<Program>>();
  /** Keys and values of each sequence by position, as the caches store them. */
  readonly #kept: { key: Float32Array; value: Float32Array }[][];
  readonly pages: Int32Array;

  private constructor(
    readonly engine: WebGpuEngine,
    readonly sizes: Sizes,
    readonly random: SeededRandom,
    readonly keyCache: Reserved,
    readonly valueCache: Reserved,
  ) {
    this.#kept = Array.from({ length: sizes.sequences }, () => []);
    const pages = Array.from({ length: sizes.sequences * sizes.pages }, (_, page) => page);
    for (let i = pages.length - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [pages[i], pages[j]] = [pages[j], pages[i]];
    }
    this.pages = Int32Array.from(pages);
  }

  static async reserve(engine: WebGpuEngine, sizes: Sizes, seed = 1): Promise<Caches> {
    const shape = [sizes.sequences * sizes.pages * sizes.pageSize, sizes.keyHeads * sizes.headSize];
    const info = { dtype: sizes.dtype, shape };
    const caches = [await engine.reserve(info, "keys"), await engine.reserve(info, "values")];
    return new Caches(engine, sizes, new SeededRandom(seed), caches[0], caches[1]);
  }

  numbers(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.random.normal());
  }

  /** Operands of rows that go on with sequences, after which these are longer. */
  next(rows: readonly Row[]) {
    const { heads, keyHeads, headSize, dtype } = this.sizes;
    const width = keyHeads * headSize;
    const feeds = {
      queries: this.numbers(rows.length * heads * headSize),
      keys: this.numbers(rows.length * width),
      values: this.numbers(rows.length * width),
      sequences: Int32Array.from(rows, (row) => row ?? -1),
      positions: Int32Array.from(rows, () => 0),
    };
    const stored = (numbers: Float32Array) =>
      toFloat32({ dtype, shape: [numbers.length], bytes: fromFloat32(numbers, dtype) });
    rows.forEach((sequence, row) => {
      if (sequence === null) return;
      feeds.positions[row] = this.#kept[sequence].length;
      const [key, value] = [feeds.keys, feeds.values].map((each) =>
        stored(each.slice(row * width, (row + 1) * width))
      );
      this.#kept[sequence].push({ key, value });
    });
    return feeds;
  }

  async run(feeds: Readonly<Record<string, Float32Array | Int32Array>>): Promise<Float32Array> {
    const rows = feeds.sequences.length;
    const program = await (this.#programs.get(rows) ?? this.#compile(rows));
    const { keyCache, valueCache, pages } = this;
    const { y } = await program.run({ ...feeds, keyCache, valueCache, pages });
    return y as Float32Array;
  }

  /** The same in float64, with every key and value that a window shows. */
  plain(feeds: ReturnType<Caches["next"]>): Float64Array {
    const { heads, keyHeads, headSize, slidingWindow } = this.sizes;
    const y = new Float64Array(feeds.queries.length);
    feeds.sequences.forEach((sequence, row) => {
      if (sequence < 0) return;
      const position = feeds.positions[row];
      const seen = this.#kept[sequence].slice(
        Math.max(0, position + 1 - (slidingWindow ?? Infinity)),
        position + 1,
      );
      for (let head = 0; head < heads; head++) {
        const keyHead = Math.floor(head * keyHeads / heads) * headSize;
        const at = (row * heads + head) * headSize;
        const scores = seen.map(({ key }) => {
          let sum = 0;
          for (let f = 0; f < headSize; f++) sum += feeds.queries[at + f] * key[keyHead + f];
          return sum;
        });
        const largest = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - largest));
        const total = powers.reduce((sum, each) => sum + each, 0);
        seen.forEach(({ value }, index) => {
          for (let f = 0; f < headSize; f++) {
            y[at + f] += powers[index] / total * value[keyHead + f];
          }
        });
      }
    });
    return y;
  }

  async release(): Promise<void> {
    this.keyCache.release();
    this.valueCache.release();
    for (const program of this.#programs.values()) await (await program).release();
  }

  #compile(rows: number): Promise<Program> {
    const program = this.engine.compile(graphOf(this.sizes, rows));
    this.#programs.set(rows, program);
    return program;
  }
}

const small: Sizes = {
  heads: 4,
  keyHeads: 2,
  headSize: 8,
  pageSize: 4,
  pages: 3,
  sequences: 3,
  slidingWindow: null,
  dtype: "F32",
};

const cases: [name: string, sizes: Sizes, prompt: number, steps: number][] = [
  ["one head of keys for each of queries", { ...small, keyHeads: 4 }, 5, 3],
  ["eight heads of queries a head of keys", { ...small, heads: 8, keyHeads: 1 }, 5, 3],
  ["three heads of queries a head of keys", { ...small, heads: 6, keyHeads: 2 }, 5, 3],
  ["heads of six features", { ...small, headSize: 6 }, 5, 3],
  ["heads of eighty features", { ...small, headSize: 80 }, 5, 2],
  ["a window in a ring that goes round", { ...small, slidingWindow: 5 }, 8, 14],
  ["a window as long as its ring", { ...small, slidingWindow: 12 }, 1, 66],
  ["a window of one", { ...small, slidingWindow: 1 }, 2, 3],
  ["keys and values in bfloat16", { ...small, dtype: "BF16" }, 5, 3],
  ["keys and values in float16", { ...small, dtype: "F16", headSize: 6 }, 5, 3],
  ["several parts", { ...small, pageSize: 16, pages: 20 }, 250, 20],
  [
    "a window over several parts",
    { ...small, pageSize: 32, pages: 40, slidingWindow: 300 },
    310,
    40,
  ],
];

for (const [name, sizes, prompt, steps] of cases) {
  gpuTest(`cached attention: ${name} is the plain one`, async (engine) => {
    const caches = await Caches.reserve(engine, sizes);
    const check = async (rows: readonly Row[]) => {
      const feeds = caches.next(rows);
      const y = await caches.run(feeds);
      assertWithin(relativeError(y, caches.plain(feeds)), 3e-6, `rows ${rows}`);
    };
    await check(Array.from({ length: prompt }, () => 1));
    for (let step = 0; step < steps; step++) await check([0, null, 1, 2]);
    await caches.release();
  });
}

gpuTest("a row has the same bits alone, among others, and as one of a prompt", async (engine) => {
  const sizes = { ...small, pageSize: 16, pages: 12, sequences: 4, slidingWindow: 140 };
  const [alone, beside] = [
    await Caches.reserve(engine, sizes),
    await Caches.reserve(engine, sizes, 2),
  ];
  const width = sizes.heads * sizes.headSize;
  for (let step = 0; step < 160; step++) {
    const feeds = alone.next([1]);
    const others = beside.next([3, null, 0]);
    const together = Object.fromEntries(
      Object.entries(feeds).map(([name, numbers]) => {
        const more = others[name as keyof typeof others];
        const all = new (numbers.constructor as Float32ArrayConstructor)(4 * numbers.length);
        all.set(more);
        all.set(numbers, 3 * numbers.length);
        return [name, all];
      }),
    );
    if (step % 40 !== 0 && step < 150) {
      await Promise.all([alone.run(feeds), beside.run(together)]);
      continue;
    }
    const [one, four] = await Promise.all([alone.run(feeds), beside.run(together)]);
    assert.deepEqual(four.slice(3 * width), one, `step ${step}`);
  }
  await alone.release();
  await beside.release();
});

gpuTest("any rows of any sequences", async (engine) => {
  const caches = await Caches.reserve(engine, { ...small, pages: 40, sequences: 5 });
  const row = fc.oneof(fc.constant(null), fc.nat({ max: 4 }));
  const step = fc.constantFrom(1, 2, 4).chain((length) =>
    fc.array(row, { minLength: length, maxLength: length })
  );
  let longest = 0;
  await fc.assert(
    fc.asyncProperty(step, async (rows) => {
      longest += 4;
      if (longest > 160) return;
      const feeds = caches.next(rows);
      assertWithin(relativeError(await caches.run(feeds), caches.plain(feeds)), 3e-6, `${rows}`);
    }),
    { numRuns: 40, seed: 3 },
  );
  await caches.release();
});

const refused: [name: string, change: (caches: Caches) => Record<string, unknown>][] = [
  ["a sequence that is not there", () => ({ sequences: Int32Array.of(3) })],
  ["a sequence below −1", () => ({ sequences: Int32Array.of(-2) })],
  ["a position below 0", () => ({ positions: Int32Array.of(-1) })],
  ["a position beyond the ring", () => ({ positions: Int32Array.of(12) })],
  ["a page that is not there", () => ({ pages: new Int32Array(9).fill(9) })],
  ["a page below 0", () => ({ pages: new Int32Array(9).fill(-1) })],
];
for (const [name, change] of refused) {
  gpuTest(`cached attention refuses ${name} and writes nothing`, async (engine) => {
    const caches = await Caches.reserve(engine, small);
    const program = await engine.compile(graphOf(small, 1));
    const { keyCache, valueCache, pages } = caches;
    const feeds = { ...caches.next([0]), keyCache, valueCache, pages, ...change(caches) };
    await assert.rejects(
      program.run(feeds),
      (error: Error) =>
        error instanceof DeviceError &&
        /^operation .cachedAttention, (sum|parts).* holds a NaN/.test(error.message),
    );
    for (const numbers of await engine.read([keyCache, valueCache])) {
      // A ring that is too short for a position is no reason not to store it.
      if (!name.includes("ring")) assert.ok(numbers.every((each) => each === 0));
    }
    await program.release();
    await caches.release();
  });
}

gpuTest("what is changed in place is reserved memory of its own", async (engine) => {
  const caches = await Caches.reserve(engine, small);
  const program = await engine.compile(graphOf(small, 1));
  const { keyCache, valueCache, pages } = caches;
  const feeds = { ...caches.next([0]), keyCache, valueCache, pages };
  const placed = await engine.place(new Float32Array(keyCache.length));
  for (
    const [name, cache, found] of [
      ["an array", new Float32Array(keyCache.length), /'keyCache' is changed in place.*reserved/],
      ["placed numbers", placed, /'keyCache' is changed in place.*reserved/],
      ["the memory of another", valueCache, /'keyCache' is changed in place.*'valueCache'/],
    ] as const
  ) {
    await assert.rejects(
      program.run({ ...feeds, keyCache: cache }),
      (error: Error) => error instanceof GraphError && found.test(error.message),
      name,
    );
  }
  // Nothing of it has harmed the device.
  await program.run(feeds);
  placed.release();
  await program.release();
  await caches.release();
});

Deno.test("nothing else may read what is changed in place", () => {
  const { y } = graphOf(small, 1);
  const [, , , keyCache] = y.inputs;
  const features = {
    subgroups: false,
    float16: false,
    workgroupBytes: 16384,
    workgroupInvocations: 256,
  };
  lower({ y }, { features });
  for (const other of [scaleBy(keyCache, 2), keyCache]) {
    assert.throws(
      () => lower({ y, other }, { features }),
      (error: Error) => error instanceof GraphError && /'keyCache'.*in place/.test(error.message),
    );
  }
});

Deno.test("the least workgroup memory of all devices is enough for heads of any size", () => {
  for (const headSize of [2, 64, 128, 256, 512]) {
    const { y } = graphOf({ ...small, heads: 8, headSize, pageSize: 64, pages: 500 }, 1);
    const features = {
      subgroups: false,
      float16: false,
      workgroupBytes: 16384,
      workgroupInvocations: 256,
    };
    const sizes = { f32: 4, u32: 4, vec2f: 8, vec4f: 16, mat2x4f: 32 };
    for (const { kernel } of lower({ y }, { features }).dispatches) {
      const arrays = [
        ...(kernel.module ?? "").matchAll(/var<workgroup> \w+: array<(\w+), (\d+)>/g),
      ];
      const bytes = arrays.reduce(
        (sum, [, type, length]) => sum + sizes[type as keyof typeof sizes] * Number(length),
        0,
      );
      assert.ok(bytes <= features.workgroupBytes, `${kernel.name}, ${headSize}: ${bytes} bytes`);
      assert.ok(kernel.workgroup[0] <= features.workgroupInvocations);
    }
  }
});
