import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { linearLayerNames, tensorNames, wholeTensorNames } from "../../lib/checkpoint/weights.ts";
import type { CompressedLayer } from "../../lib/codecs/codec.ts";
import { decodeLayer } from "../codecs/decode_layer.ts";
import type { Delta } from "../../lib/delta/delta.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { compress } from "../../lib/methods/compress.ts";
import type { CalibrationSequences } from "../../lib/texts/sequences.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { projectPath } from "../../lib/util/project.ts";
import { assertReadOnce, dataReads } from "../checkpoint/data_reads.ts";
import { EVERYTHING, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { decoderLogits, type PlainWeights } from "../model/plain/decoder.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { gpuTest } from "../webgpu/gpu.ts";
import { countingEngine } from "./counting_engine.ts";
import { crude, withMethod } from "./crude.ts";
import { engine } from "./oracle_pair.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";

const LENGTH = 7;
/** Six sequences: a batch of four, and one of two that is filled up. */
const sequences = randomSequences([3, 7, 1, 5, 6, 7], LENGTH, TINY_CONFIG.vocabularySize, 6);
const ROWS = 26;
const settings = { rows: ROWS };
const layers = linearLayerNames(TINY_CONFIG);

/** Inputs that a method saw, by layer. */
interface Seen {
  readonly fine: Map<string, Float32Array>;
  readonly compressed: Map<string, Float32Array>;
}

/** The crude method, with what it saw. */
function seeing(seen: Seen): typeof crude {
  return {
    ...crude,
    rows: () => ({ rows: ROWS, padding: "left out" }),
    async compress(layer, settings, engine, ...others) {
      const [fine, compressed] = await engine.read([layer.fineInputs!, layer.compressedInputs!]);
      seen.fine.set(layer.name, fine as Float32Array);
      seen.compressed.set(layer.name, compressed as Float32Array);
      return await crude.compress(layer, settings, engine, ...others);
    },
  };
}

function compressWith(
  method: typeof crude,
  { base, fine }: TinyPair,
  on = engine,
  text: CalibrationSequences | null = sequences,
): Promise<Delta> {
  return withMethod(
    method,
    async () => (await compress(on, base, fine, { method: method.name }, text)).delta,
  );
}

/** What each linear layer of a model reads at the rows that the method saw, in float64 loops. */
function plainInputs(config: DecoderConfig, weights: PlainWeights): Map<string, Float64Array> {
  const all = new Map<string, Float64Array>();
  const shape = { batch: sequences.count, sequence: LENGTH };
  const attentionMask = Float64Array.from(sequences.attentionMask);
  const tokens = Float64Array.from(sequences.tokens);
  decoderLogits(config, weights, tokens, shape, { attentionMask, inputs: all });
  const places = [...sequences.attentionMask.keys()]
    .filter((at) => sequences.attentionMask[at] === 1).slice(0, ROWS);
  return new Map([...all].map(([layer, inputs]) => {
    const width = inputs.length / tokens.length;
    const rows = places.flatMap((at) => [...inputs.subarray(at * width, (at + 1) * width)]);
    return [layer, Float64Array.from(rows)];
  }));
}

async function plainWeights(model: Checkpoint): Promise<Record<string, Float64Array>> {
  const weights: Record<string, Float64Array> = {};
  for (const name of tensorNames(model.config)) {
    weights[name] = Float64Array.from(await model.readFloat32(name));
  }
  return weights;
}

Deno.test("a method that sees both has each layer's inputs in the model that is compressed before it", async () => {
  await assertBothInputs(engine, 1e-5);
});

Deno.test("so it has with biases, norms of heads and windows by layer", async () => {
  await assertBothInputs(engine, 1e-5, EVERYTHING);
});

gpuTest("on a GPU, too, each layer has its inputs in the model before it", async (gpu) => {
  await assertBothInputs(gpu, 1e-4);
});

async function assertBothInputs(
  on: Engine,
  bound: number,
  config: DecoderConfig = TINY_CONFIG,
): Promise<void> {
  await using pair = await tinyPair({}, config);
  const seen = { fine: new Map(), compressed: new Map() };
  const delta = await compressWith(seeing(seen), pair, on);
  assert.deepEqual([...seen.compressed.keys()], layers);
  const fine = await plainWeights(pair.fine);
  const compressed = await plainWeights(pair.base);
  for (const tensor of wholeTensorNames(config)) compressed[tensor] = fine[tensor];
  // What a layer reads depends on none that come after it, so the finished model tells for all.
  for (const name of layers) {
    const layer = await delta.readLayer(name);
    const weights = compressed[`${name}.weight`];
    const start = layer.role === "delta" ? Float32Array.from(weights) : undefined;
    compressed[`${name}.weight`] = Float64Array.from(decodeLayer(layer, start));
  }
  const [ofFine, ofCompressed] = [fine, compressed].map((each) => plainInputs(config, each));
  for (const name of layers) {
    assertWithin(relativeError(seen.fine.get(name), ofFine.get(name)!), bound, `${name}, fine`);
    const found = relativeError(seen.compressed.get(name), ofCompressed.get(name)!);
    assertWithin(found, bound, `${name}, compressed`);
    const isFirst = /layers\.0\.self_attn\.[qkv]_proj/.test(name);
    const apart = relativeError(ofCompressed.get(name)!, ofFine.get(name)!);
    assert.ok(isFirst ? apart === 0 : apart > 0.01, `${name} reads ${apart} apart`);
  }
}

// 3,744 weights of linear layers and 60 of norms; an embedding of 132, and as many of the head or none.
const kinds = [
  { dtype: "F32", tiedEmbeddings: false, bytes: 2 * 4068 * 4 },
  { dtype: "BF16", tiedEmbeddings: true, bytes: 2 * 3936 * 2 },
] as const;
for (const [name, text] of Object.entries({ initial: null, "activation-aware": sequences })) {
  for (const { dtype, tiedEmbeddings, bytes } of kinds) {
    const kind = `${dtype}, tied embeddings: ${tiedEmbeddings}`;
    Deno.test(`${name} reads each byte of a pair once, hashes included, ${kind}`, async () => {
      await using pair = await tinyPair({}, { ...TINY_CONFIG, tiedEmbeddings }, dtype);
      assert.equal(await bytesRead(pair.base.directory, pair.fine.directory, name, text), bytes);
    });
  }
}

Deno.test("activation-aware reads an embedded pair's 4,461,056 bytes once", async () => {
  const folder = (name: string) => projectPath(`data/checkpoints/${name}`);
  const text = randomSequences([128, 128, 128], 128, 100, 1);
  const bytes = await bytesRead(
    folder("llama-base"),
    folder("llama-assistant"),
    "activation-aware",
    text,
  );
  assert.equal(bytes, 4_461_056);
});

/** Bytes that a compression reads of both checkpoints after opening them, each once. */
async function bytesRead(
  baseFolder: string,
  fineFolder: string,
  method: string,
  text: CalibrationSequences | null,
): Promise<number> {
  using base = await Checkpoint.open(baseFolder);
  using fine = await Checkpoint.open(fineFolder);
  const reads = await dataReads(async () => {
    const { delta } = await compress(
      engine,
      base,
      fine,
      { method, settings: text ? settings : {} },
      text,
    );
    assert.equal(delta.metadata.baseHash, await base.hash());
    assert.equal(delta.metadata.fineHash, await fine.hash());
  });
  let bytes = 0;
  for (const folder of [baseFolder, fineFolder]) {
    bytes += await assertReadOnce(join(folder, "model.safetensors"), reads);
  }
  return bytes;
}

for (const both of [true, false]) {
  Deno.test(`nothing stays on an engine, whichever work fails, both inputs: ${both}`, async () => {
    await using pair = await tinyPair();
    const method = seeing({ fine: new Map(), compressed: new Map() });
    const choose = (on: Engine) =>
      both
        ? compressWith(method, pair, on)
        : compress(on, pair.base, pair.fine, { method: "activation-aware", settings }, sequences);
    const whole = countingEngine(engine);
    await choose(whole.engine);
    assert.deepEqual([whole.held.placed, whole.held.programs], [0, 0]);
    assert.ok(whole.held.most > 0);
    const step = Math.ceil(whole.held.works / 25);
    for (let failing = 0; failing < whole.held.works; failing += step) {
      const { engine: failingEngine, held } = countingEngine(engine, failing);
      await assert.rejects(choose(failingEngine), /a failing device/);
      assert.deepEqual([held.placed, held.programs], [0, 0], `work ${failing}`);
    }
  });
}

Deno.test("memory on the engine is that of one layer of the decoder, however many there are", async () => {
  const most = async (layerCount: number) => {
    await using pair = await tinyPair({}, { ...TINY_CONFIG, layerCount });
    const { engine: counting, held } = countingEngine(engine);
    await compressWith(seeing({ fine: new Map(), compressed: new Map() }), pair, counting);
    return held.most;
  };
  // Of the last layer less is read than of those before it.
  assert.equal(await most(5), await most(3));
});

Deno.test("a method that sees inputs and says of no rows is named", async () => {
  await using pair = await tinyPair();
  const method = { ...seeing({ fine: new Map(), compressed: new Map() }), rows: () => null };
  const made = compressWith(method, pair);
  await assert.rejects(
    made,
    /option 'method': sees inputs, and rows\(\) returns none: got 'crude'/,
  );
});

Deno.test("what a method makes of a layer is held to its codec, by name", async () => {
  await using pair = await tinyPair();
  const method = seeing({ fine: new Map(), compressed: new Map() });
  const wrong: Record<string, Partial<CompressedLayer>> = {
    "has no terms": { terms: [] },
    "is no codec that is known here": { terms: [{ codec: "none", form: {}, parts: {} }] },
    "does not fit the codec 'signs'": {
      terms: [{ codec: "signs", form: { scale: "scalar" }, parts: {} }],
    },
    // As a notebook may write it, whose types nothing checks.
    "has a role that is none: got 'both'; expected delta, weight": {
      role: "both" as unknown as "delta",
    },
  };
  for (const [problem, change] of Object.entries(wrong)) {
    const compress: typeof method.compress = async (...inputs) => ({
      ...await method.compress(...inputs),
      ...change,
    });
    await assert.rejects(compressWith({ ...method, compress }, pair), (error) => {
      assert.ok(error instanceof DeltaError, String(error));
      assert.ok(error.message.includes(problem), error.message);
      return true;
    });
  }
});

for (const sees of ["weights", "fine inputs", "both inputs"] as const) {
  Deno.test(`what layers of the same inputs share is found once and freed after the last, where ${sees} are seen`, async () => {
    await using pair = await tinyPair();
    const events: string[] = [];
    const method: typeof crude = {
      ...crude,
      sees: () => sees,
      rows: () => sees === "weights" ? null : { rows: ROWS, padding: "left out" },
      async compress(layer, ...others) {
        const name = layer.name.replace(/^model\.layers\.(\d+)\.\w+\./, "$1 ");
        await layer.group.get("found", () => {
          events.push(`found by ${name}`);
          const freed = () => void events.push(`freed of ${name}`);
          return Promise.resolve({ [Symbol.dispose]: freed });
        });
        return await crude.compress(layer, ...others);
      },
    };
    await compressWith(method, pair, engine, sees === "weights" ? null : sequences);
    const first = sees === "weights"
      ? layers.map((name) => name.replace(/^model\.layers\.(\d+)\.\w+\./, "$1 "))
      : layers.filter((name) => /(q|o|gate|down)_proj$/.test(name))
        .map((name) => name.replace(/^model\.layers\.(\d+)\.\w+\./, "$1 "));
    for (const kind of ["found by", "freed of"]) {
      const those = events.filter((each) => each.startsWith(kind));
      assert.deepEqual(those, first.map((name) => `${kind} ${name}`));
    }
    // One group after another through the compressed model, and else no more than a decoder layer's.
    const most = events.reduce(({ open, most }, each) => {
      const now = open + (each.startsWith("found") ? 1 : -1);
      return { open: now, most: Math.max(most, now) };
    }, { open: 0, most: 0 }).most;
    assert.ok(most <= (sees === "both inputs" ? 1 : 7), `${most}`);
  });
}

Deno.test("parts of a layer are told of with its name, and are no layers that are done", async () => {
  await using pair = await tinyPair();
  const method: typeof crude = {
    ...crude,
    compress(layer, settings, engine, programs, watch) {
      watch.onProgress!({ done: 1, total: 3, label: "round" });
      return crude.compress(layer, settings, engine, programs, watch);
    },
  };
  const reports: Progress[] = [];
  const onProgress = (report: Progress) => void reports.push(report);
  const choice = { method: method.name };
  await withMethod(
    method,
    () => compress(engine, pair.base, pair.fine, choice, sequences, { onProgress }),
  );
  const [part, whole] = reports;
  assert.equal(part.label, `${layers[0]}: round 1 of 3`);
  assert.deepEqual([part.done, part.total], [0, layers.length]);
  assert.deepEqual([whole.label, whole.done], [layers[0], 1]);
});
