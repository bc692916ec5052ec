/** Compression into a file: its bytes, what a failure leaves, and how much of it is in memory. */

import assert from "node:assert/strict";
import { join } from "node:path";
import v8 from "node:v8";
import vm from "node:vm";
import { EMBEDDING } from "../../lib/checkpoint/weights.ts";
import type { CompressedLayer } from "../../lib/codecs/codec.ts";
import { bitsPerWeight, deltaBytes } from "../../lib/delta/delta_size.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import { compress, compressToFile } from "../../lib/methods/compress.ts";
import type { MethodChoice, Sees } from "../../lib/methods/method.ts";
import { CheckpointError, DeltaError, OptionError } from "../../lib/util/errors.ts";
import { filesIn, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { crude, withMethod } from "./crude.ts";
import { engine } from "./oracle_pair.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";

type Crude = typeof crude;

const sequences = randomSequences([6, 6, 3], 6, TINY_CONFIG.vocabularySize, 3);
const choices: MethodChoice[] = [
  { method: "initial" },
  { method: "activation-aware", settings: { rows: 4 } },
  { method: "distilled", settings: { steps: 2, batch: 2 } },
  { method: "crude" },
];

/** Compresses with the crude method, or one that differs from it. */
function crudeToFile(path: string, { base, fine }: TinyPair, changes: Partial<Crude> = {}) {
  const method = { ...crude, ...changes };
  return withMethod(
    method,
    () => compressToFile(path, engine, base, fine, { method: method.name }, sequences),
  );
}

for (const choice of choices) {
  Deno.test(`${choice.method}: the file is that of the delta in memory, byte for byte`, async () => {
    await using pair = await tinyPair();
    await using folder = await temporaryFolder();
    const { base, fine } = pair;
    const [path, other] = ["made", "written"].map((name) => join(folder.path, name));
    const notes = { text: "rhymes", seed: 3 };
    await withMethod(crude, async () => {
      const made = await compressToFile(path, engine, base, fine, choice, sequences, { notes });
      using file = made.delta;
      const { delta, losses } = await compress(engine, base, fine, choice, sequences);
      const settings = { ...delta.metadata.settings, ...notes };
      const metadata = { ...delta.metadata, settings };
      assert.equal(await writeDelta(other, { ...delta, metadata }), file.digest);
      assert.deepEqual(made.losses, losses);
      assert.deepEqual(file.metadata, metadata);
      assert.equal(file.metadata.baseHash, await base.hash());
      const name = [...file.layers.keys()].at(-1)!;
      assert.deepEqual(await file.readLayer(name), await delta.readLayer(name));
    });
    assert.deepEqual(await Deno.readFile(path), await Deno.readFile(other));
  });
}

Deno.test("what a closed form states tells the size of its file before it is made", async () => {
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta");
  const plan = await withMethod(crude, () => {
    return Promise.resolve(planDelta(pair.fine, { method: "crude" }));
  });
  using delta = (await crudeToFile(path, pair)).delta;
  assert.deepEqual([plan.layers, plan.whole], [delta.layers, delta.whole]);
  assert.equal(bitsPerWeight(plan), bitsPerWeight(delta));
  const bytes = await Deno.readFile(path);
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assert.equal(deltaBytes(plan), bytes.length - 8 - header);
  assert.throws(
    () => planDelta(pair.fine, { method: "distilled" }),
    (error) => error instanceof OptionError && /got 'distilled'.*'initial'/.test(error.message),
  );
});

const misstated: Record<string, Crude["form"]> = {
  "another form": ({ name }, settings) => ({
    ...crude.form({ name, shape: [1, 1] }, settings),
    terms: [{ codec: "signs", form: { scale: "column" } }],
  }),
  "another role": (layer, settings) => ({ ...crude.form(layer, settings), role: "weight" }),
};
for (const [name, form] of Object.entries(misstated)) {
  Deno.test(`a method that stores ${name} than it states is named, in memory and in a file`, async () => {
    await using pair = await tinyPair();
    await using folder = await temporaryFolder();
    const { base, fine } = pair;
    const inMemory = () =>
      withMethod(
        { ...crude, form },
        () => compress(engine, base, fine, { method: "crude" }, sequences),
      );
    for (const run of [inMemory, () => crudeToFile(join(folder.path, "delta"), pair, { form })]) {
      await assert.rejects(run(), (error) => {
        assert.ok(error instanceof DeltaError, String(error));
        const says =
          /layers\.0\.self_attn\.q_proj': is not stored as method 'crude' states: got .*/;
        assert.match(error.message, says);
        const { fault } = error;
        assert.match(String(fault.value), /"role":"delta".*"scale":"row"/);
        assert.match(String(fault.expected), /"scale":"column"|"role":"weight"/);
        return true;
      });
    }
    assert.deepEqual(filesIn(folder.path), []);
  });
}

/** Runs that end in the middle or at the end. */
const failing: Record<string, (path: string, pair: TinyPair) => Promise<unknown>> = {
  "a layer fails": (path, pair) =>
    crudeToFile(path, pair, {
      compress: (layer, ...others) =>
        layer.name.endsWith("layers.1.mlp.up_proj")
          ? Promise.reject(new Error("no number"))
          : crude.compress(layer, ...others),
    }),
  "a layer is not finite": (path, pair) =>
    crudeToFile(path, pair, {
      async compress(layer, ...others) {
        const made = await crude.compress(layer, ...others);
        if (layer.name.endsWith("layers.1.mlp.up_proj")) made.terms[0].parts.row.bytes.fill(255);
        return made;
      },
    }),
  "it is aborted": (path, { base, fine }) => {
    const controller = new AbortController();
    return compressToFile(path, engine, base, fine, { method: "initial" }, null, {
      signal: controller.signal,
      onProgress: ({ done }) => done === 9 && controller.abort(new Error("enough")),
    });
  },
  "nothing has changed": (path, { base }) =>
    compressToFile(path, engine, base, base, { method: "initial" }, null),
};
for (const [name, run] of Object.entries(failing)) {
  Deno.test(`no file and no folder is left where ${name}, and one that was there stays`, async () => {
    await using pair = await tinyPair();
    await using folder = await temporaryFolder();
    const reasons = /no number|finite|enough|Δ = 0 everywhere/;
    await assert.rejects(run(join(folder.path, "new", "folder", "delta"), pair), reasons);
    assert.deepEqual(filesIn(folder.path), []);
    const path = join(folder.path, "delta");
    await Deno.writeTextFile(path, "before");
    await assert.rejects(run(path, pair), reasons);
    assert.deepEqual(filesIn(folder.path), ["delta"]);
    assert.equal(await Deno.readTextFile(path), "before");
  });
}

Deno.test("a state is refused where no file is written, and a fine-tune that does not match, before a file", async () => {
  await using pair = await tinyPair();
  await using other = await tinyPair({}, { ...TINY_CONFIG, intermediateSize: 44 });
  await using folder = await temporaryFolder();
  const path = join(folder.path, "new", "delta");
  const { base, fine } = pair;
  const choice = { method: "initial" };
  const state = join(folder.path, "state");
  const kept = compress(engine, base, fine, choice, null, { state });
  await assert.rejects(kept, OptionError);
  const apart = compressToFile(path, engine, base, other.fine, choice, null);
  await assert.rejects(apart, CheckpointError);
  assert.deepEqual(filesIn(folder.path), []);
});

Deno.test("each layer is in the file before the next one is made", async () => {
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta");
  let before: CompressedLayer | null = null;
  let found = 0;
  const compress: Crude["compress"] = async (layer, ...others) => {
    const [part, ...more] = filesIn(folder.path);
    assert.ok(part !== "delta" && more.length === 0, String([part, ...more]));
    const bytes = await Deno.readFile(join(folder.path, part));
    for (const { bytes: stored } of Object.values(before?.terms[0].parts ?? {})) {
      assert.ok(contains(bytes, stored), `${layer.name} comes before the file has the last one`);
      found++;
    }
    return before = await crude.compress(layer, ...others);
  };
  using delta = (await crudeToFile(path, pair, { compress })).delta;
  assert.equal(found, 2 * (delta.layers.size - 1));
});

function contains(all: Uint8Array, some: Uint8Array): boolean {
  const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);
  return text(all).includes(text(some));
}

const config = { ...TINY_CONFIG, layerCount: 3 };
for (const sees of ["weights", "fine inputs", "both inputs"] as const) {
  Deno.test(`a decoder layer is in memory at most, and no embedding, where ${sees} are seen`, async () => {
    await using pair = await tinyPair({}, config);
    await using folder = await temporaryFolder();
    const path = join(folder.path, "delta");
    const { base, fine } = pair;
    const alive = await mostAlive(sees, pair, async (method) => {
      (await compressToFile(path, engine, base, fine, { method }, sequences)).delta
        [Symbol.dispose]();
    });
    assert.deepEqual({ ...alive, layers: 0, weights: 0 }, { layers: 0, weights: 0, embeddings: 0 });
    // Where the compressed model so far is seen, layers come one after another.
    const most = sees === "both inputs" ? 1 : 7;
    assert.ok(alive.layers <= most, `${alive.layers} layers`);
    // Of the fine-tune a decoder layer, of the base those that are compressed, the one that begins among them.
    assert.ok(alive.weights <= 7 + most + 1, `${alive.weights} weights`);
    const inMemory = await mostAlive(sees, pair, async (method) => {
      const { delta } = await compress(engine, base, fine, { method }, sequences);
      assert.equal(delta.layers.size, 21);
    });
    assert.equal(inMemory.layers, 20, "what is in memory is counted");
  });
}

/** The most that is in memory when a layer is compressed, of what was made and read before it. */
async function mostAlive(
  sees: Sees,
  { base, fine }: TinyPair,
  run: (method: string) => Promise<void>,
): Promise<{ layers: number; weights: number; embeddings: number }> {
  v8.setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = vm.runInNewContext("gc");
  const [layers, weights, embeddings]: WeakRef<object>[][] = [[], [], []];
  const most = { layers: 0, weights: 0, embeddings: 0 };
  for (const model of [base, fine]) {
    const { readDigested } = Object.getPrototypeOf(model);
    model.readDigested = async (tensor) => {
      const read = await readDigested.call(model, tensor);
      if (tensor === EMBEDDING) embeddings.push(new WeakRef(read.bytes.buffer));
      return read;
    };
  }
  const count = (held: readonly WeakRef<object>[]) =>
    held.filter((each) => each.deref() !== undefined).length;
  const countAlive = async () => {
    // What a weak reference was made for or asked for stays until the event loop turns, what a settled promise
    // held until it turns again.
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    most.layers = Math.max(most.layers, count(layers));
    most.weights = Math.max(most.weights, count(weights));
    most.embeddings = Math.max(most.embeddings, count(embeddings));
  };
  const method: Crude = {
    ...crude,
    sees: () => sees,
    async compress(layer, ...others) {
      weights.push(...[layer.base, layer.fine].map(({ bytes }) => new WeakRef(bytes.buffer)));
      // Of each decoder layer the first and the last linear one.
      if (/(q|down)_proj$/.test(layer.name)) await countAlive();
      const made = await crude.compress(layer, ...others);
      layers.push(new WeakRef(made.terms[0].parts.mask.bytes.buffer));
      return made;
    },
  };
  await withMethod(method, () => run(method.name));
  return most;
}
