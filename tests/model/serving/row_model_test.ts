/** Sequences of steps hold against the whole model as one graph, and alone against together, to the bit. */

import assert from "node:assert/strict";
import type { DecoderConfig } from "../../../lib/checkpoint/config.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import type { Engine } from "../../../lib/graph/engine.ts";
import { MemoryBudget } from "../../../lib/graph/memory.ts";
import { cacheGroups, PAGE_SIZE } from "../../../lib/model/serving/cache_plan.ts";
import type { RowModel, RowModelOptions } from "../../../lib/model/serving/row_model.ts";
import { OptionError, ServingError } from "../../../lib/util/errors.ts";
import { assertWithin, relativeError } from "../../graph/closeness.ts";
import { gpuTest } from "../../webgpu/gpu.ts";
import { architectures } from "../architecture_cases.ts";
import { randomModel, randomTokens, tinyConfig } from "../random_model.ts";
import { prefillChunks, stepwiseLogits, wholeLogits, withRows } from "./stepwise.ts";

const engine = onnxEngine({ threads: 2 });
const BOUND = 2e-5;
/** Chunks that are no page, and pages that are no chunk. */
const SIZES: RowModelOptions = { longest: 60, chunk: 12, mostRows: 6, cacheTokens: 200 };

/** Those that differ in what a GPU's kernels do for them. */
const ON_GPU = ["biases and windows by layer", "norms, biases and yarn"];

/** Runs a text longer than chunk and window in steps, and asserts the logits of the whole model. */
async function assertSteps(on: Engine, config: DecoderConfig, options = SIZES): Promise<void> {
  const model = randomModel(config, 3);
  const tokens = randomTokens(config, 47, 4);
  const expected = await wholeLogits(model, tokens);
  const found = await withRows(on, model, options, (rows) => stepwiseLogits(rows, tokens, 29));
  assert.equal(found.size, 3 + 47 - 29);
  for (const [at, logits] of found) {
    assertWithin(relativeError(logits, expected(at)), BOUND, `after token ${at}`);
  }
}

for (const [name, config] of Object.entries(architectures)) {
  // Cached keys stay as they were rotated, which is another text than one of full length.
  if (config.ropeScaling?.type === "dynamic") continue;
  Deno.test(`steps of a decoder with ${name} give what its whole graph gives`, async () => {
    await assertSteps(engine, config);
  });

  if (!ON_GPU.includes(name)) continue;
  gpuTest(
    `steps of a decoder with ${name} give what its whole graph gives, on a GPU`,
    async (gpu) => {
      await assertSteps(gpu, config);
    },
  );
}

Deno.test("a graph that could not be compiled once is compiled when it is asked for again", async () => {
  const model = randomModel(tinyConfig, 5);
  const tokens = randomTokens(tinyConfig, 9, 6);
  let [compiled, failing] = [0, 2];
  const refusing: Engine = {
    ...engine,
    compile(outputs) {
      if (++compiled === failing) return Promise.reject(new Error("no room"));
      return engine.compile(outputs);
    },
  };
  const expected = await wholeLogits(model, tokens);
  await withRows(refusing, model, SIZES, async (rows) => {
    for (failing of [1, 2, 4]) {
      failing += compiled;
      await assert.rejects(stepwiseLogits(rows, tokens, 8), /^Error: no room$/);
    }
    const found = await stepwiseLogits(rows, tokens, 8);
    for (const [at, logits] of found) {
      assertWithin(relativeError(logits, expected(at)), BOUND, `after token ${at}`);
    }
  });
});

Deno.test("dynamic positions are those of the text as long as it is", async () => {
  const config = architectures["dynamic positions"];
  const model = randomModel(config, 5);
  const tokens = randomTokens(config, 23, 6);
  await withRows(engine, model, { ...SIZES, chunk: 32 }, async (rows) => {
    for (const length of [7, 9, 10, 23]) {
      const prompt = tokens.slice(0, length);
      const expected = await wholeLogits(model, prompt);
      const [[at, logits]] = await stepwiseLogits(rows, prompt, length);
      assertWithin(relativeError(logits, expected(at)), BOUND, `${length} tokens`);
    }
  });
  // In pieces, too, whose own ends would say otherwise.
  const expected = await wholeLogits(model, tokens);
  await withRows(engine, model, { ...SIZES, chunk: 6 }, async (rows) => {
    const sequence = rows.start(null, 23, 23);
    const found = await prefillChunks(rows, sequence, tokens);
    assertWithin(relativeError(found.get(22)!, expected(22)), BOUND, "in pieces of 6");
    sequence.release();
  });
});

Deno.test("a text goes round in the room of a window, and one without has room for all of it", async () => {
  const config = { ...tinyConfig, slidingWindow: 5, maximumPositions: 400 };
  const options = { longest: 400, chunk: 12, mostRows: 2, cacheTokens: 32 };
  const [{ pages }] = cacheGroups(config, { ...options, sequences: 2, tokens: 32 });
  assert.equal(pages * PAGE_SIZE, 32);
  const model = randomModel(config, 7);
  const tokens = randomTokens(config, 300, 8);
  const expected = await wholeLogits(model, tokens);
  await withRows(engine, model, options, async (rows) => {
    const others = rows.start(null, 400);
    const found = await stepwiseLogits(rows, tokens, 280, 400);
    for (const at of [...found.keys()].filter((at) => at > 200)) {
      assertWithin(relativeError(found.get(at)!, expected(at)), BOUND, `after token ${at}`);
    }
    others.release();
  });
});

/** Texts of several lengths that are begun one after another and go on together. */
async function together(rows: RowModel, texts: readonly Int32Array[]): Promise<Float32Array[][]> {
  const sequences = texts.map(({ length }) => rows.start(null, length));
  const found: Float32Array[][] = texts.map(() => []);
  const prompt = (text: Int32Array) => Math.ceil(text.length / 2);
  for (const [index, text] of texts.entries()) {
    const chunks = await prefillChunks(rows, sequences[index], text.slice(0, prompt(text)));
    found[index].push(...chunks.values());
  }
  while (true) {
    const going = texts.keys().filter((index) => sequences[index].length < texts[index].length)
      .toArray();
    if (going.length === 0) break;
    const next = going.map((index) => {
      const sequence = sequences[index];
      return { sequence, token: texts[index][sequence.length] };
    });
    const logits = await rows.decode(next);
    going.forEach((index, row) => found[index].push(logits[row]));
  }
  sequences.forEach((each) => each.release());
  return found;
}

for (const name of ["biases and windows by layer", "norms, biases and yarn"]) {
  Deno.test(`of a decoder with ${name} no row depends on those beside it, to the bit`, async () => {
    const config = architectures[name];
    const texts = [3, 17, 40, 9, 26].map((length) => randomTokens(config, length, length));
    await withRows(engine, randomModel(config, 9), SIZES, async (rows) => {
      const free = rows.freeTokens;
      const all = await together(rows, texts);
      for (const [index, text] of texts.entries()) {
        // Other pages, in other rows, beside nobody or one.
        assert.deepEqual((await together(rows, [text]))[0], all[index]);
        const [, again] = await together(rows, [texts[0], text]);
        assert.deepEqual(again, all[index]);
      }
      assert.equal(rows.freeTokens, free);
    });
  });
}

Deno.test("a prompt has logits at its end alone where no others are asked for, and the same ones", async () => {
  const tokens = randomTokens(tinyConfig, 20, 16);
  await withRows(engine, randomModel(tinyConfig, 17), SIZES, async (rows) => {
    const [first, second] = [1, 2].map(() => rows.start(null, 20));
    const logits = await prefillChunks(rows, first, tokens);
    assert.equal((await rows.prefill(second, tokens.slice(0, 12), false)).length, 0);
    assert.deepEqual(await rows.prefill(second, tokens.slice(12), true), logits.get(19));
  });
});

Deno.test("runs that are asked for at once take turns", async () => {
  const model = randomModel(tinyConfig, 11);
  const tokens = randomTokens(tinyConfig, 20, 12);
  await withRows(engine, model, SIZES, async (rows) => {
    const alone = await stepwiseLogits(rows, tokens, 10);
    const both = await Promise.all([1, 2].map(() => stepwiseLogits(rows, tokens, 10)));
    for (const each of both) assert.deepEqual(each, alone);
  });
});

Deno.test("what cannot be run is refused in a line, and nothing is changed by it", async () => {
  const model = randomModel({ ...tinyConfig, slidingWindow: null }, 13);
  const tokens = randomTokens(tinyConfig, 12, 14);
  await withRows(engine, model, { ...SIZES, cacheTokens: 64, mostRows: 2 }, async (rows) => {
    const refused = async (action: () => unknown, message: RegExp) => {
      await assert.rejects(async () => await action(), (error) => {
        assert.ok(error instanceof ServingError, String(error));
        assert.match(error.message, message);
        return true;
      });
    };
    for (const length of [0, 61, 1.5, NaN]) {
      await refused(() => rows.start(null, length), /expected 1 to 60$/);
    }
    const [first, second, third] = [30, 10, 10].map((length) => rows.start(null, length));
    await refused(() => rows.start(null, 1), /no room .* got '1 tokens'; expected at most 0 until/);
    await refused(() => rows.prefill(first, tokens.slice(0, 0)), /0 tokens from 0 on.*1 to 12$/);
    await refused(() => rows.prefill(first, Int32Array.from({ length: 13 })), /'?13 tokens/);
    await refused(() => rows.prefill(first, Int32Array.of(3, 17)), /no such token: got 17; .*16$/);
    await rows.prefill(first, tokens.slice(0, 7));
    await refused(() => rows.prefill(first, tokens.slice(0, 6)), /6 tokens from 7 on.*1 to 5$/);
    await rows.prefill(second, tokens.slice(0, 9));
    await rows.prefill(third, tokens.slice(0, 10));
    await refused(
      () => rows.decode([{ sequence: third, token: 1 }]),
      /got 11; expected at most 10/,
    );
    await refused(() => rows.decode([]), /0 tokens of 0 sequences/);
    const next = { sequence: first, token: 2 };
    await refused(() => rows.decode([next, next]), /2 tokens of 1 sequences/);
    await refused(
      () => rows.decode([next, { ...next, sequence: second }, { ...next, sequence: third }]),
      /3 tokens of 3 sequences.*1 to 2$/,
    );
    await refused(() => rows.decode([{ ...next, token: -1 }]), /got -1/);
    assert.deepEqual([first, second, third].map(({ length }) => length), [7, 9, 10]);
    second.release();
    second.release();
    await refused(() => rows.decode([{ sequence: second, token: 1 }]), /no such sequence/);
    first.release();
    third.release();
  });
});

Deno.test("a model without room, and sizes that are none, are refused", async () => {
  const model = randomModel({ ...tinyConfig, slidingWindow: null }, 15);
  const scarce = { ...engine, memory: new MemoryBudget(20_000) };
  const open = (on: Engine, options: RowModelOptions) =>
    withRows(on, model, options, () => Promise.resolve());
  await assert.rejects(
    open({ ...engine, memory: new MemoryBudget(1000) }, {}),
    /'random 15' has no room/,
  );
  await assert.rejects(open(scarce, { cacheTokens: 300 }), /no room for keys and values.*300 tok/);
  // By itself it takes the room that there is.
  await open(scarce, { longest: 16 });
  assert.ok(scarce.memory.keep(14_000));
  for (
    const [option, value] of [["longest", 65], ["chunk", 0], ["mostRows", 1.5], ["cacheTokens", -1]]
  ) {
    await assert.rejects(open(engine, { [option]: value }), (error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, new RegExp(`option '${option}': is no size: got ${value}`));
      return true;
    });
  }
});
