import assert from "node:assert/strict";
import { join } from "node:path";
import { linearLayerNames, tensorNames } from "../../../lib/checkpoint/weights.ts";
import { decodeLayer } from "../../codecs/decode_layer.ts";
import { layerBytes } from "../../../lib/codecs/layer.ts";
import { bitsPerWeight } from "../../../lib/delta/delta_size.ts";
import { collectActivations } from "../../../lib/methods/activations.ts";
import { readSensitivity, sensitivityFile } from "../../../lib/methods/allocation/kept_harm.ts";
import { compress, compressToFile } from "../../../lib/methods/compress.ts";
import { planDelta } from "../../../lib/methods/closed_form.ts";
import { takeSequences } from "../../../lib/texts/sequences.ts";
import { OptionError } from "../../../lib/util/errors.ts";
import type { Progress } from "../../../lib/util/progress.ts";
import { temporaryFolder, TINY_CONFIG } from "../../checkpoint/tiny_checkpoint.ts";
import { klDivergence } from "../../graph/plain/likelihood.ts";
import { decoderLogits } from "../../model/plain/decoder.ts";
import { randomSequences } from "../../texts/random_sequences.ts";
import { engine } from "../oracle_pair.ts";
import { type TinyPair, tinyPair } from "../tiny_pair.ts";
import { withThrift } from "./residual_signs.ts";

const LENGTH = 6;
const { vocabularySize } = TINY_CONFIG;
const sequences = randomSequences([6, 6, 3, 6, 5], LENGTH, vocabularySize, 3);
const slice = takeSequences(sequences, 0, 3);
const names = linearLayerNames(TINY_CONFIG);

/** KL on the first sequences by the plain decoder, where one layer of the fine-tune has other weights. */
async function plainDivergence(
  { fine }: TinyPair,
  layer: string,
  weights: Float32Array,
): Promise<number> {
  const real = slice.tokens.filter((_, at) => slice.attentionMask[at] === 1);
  const logits = async (isChanged: boolean, tokens: Int32Array) => {
    const all: Record<string, Float64Array> = {};
    for (const name of tensorNames(fine.config)) {
      const values = isChanged && name === `${layer}.weight`
        ? weights
        : await fine.readFloat32(name);
      all[name] = Float64Array.from(values);
    }
    const shape = { batch: 1, sequence: tokens.length };
    return decoderLogits(fine.config, all, Float64Array.from(tokens), shape);
  };
  let [sum, count] = [0, 0];
  for (let begin = 0; begin + LENGTH <= real.length; begin += LENGTH) {
    const window = real.slice(begin, begin + LENGTH);
    const [ofFine, ofChanged] = [await logits(false, window), await logits(true, window)];
    // The last token predicts one that lies outside.
    for (const each of klDivergence(ofFine, ofChanged, vocabularySize).slice(0, -1)) {
      sum += each;
      count++;
    }
  }
  return sum / count;
}

Deno.test("the KL of each layer alone, and its errors by each form, are the plain ones", async () => {
  using _lists = withThrift();
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const { base, fine } = pair;
  using _made = (await compressToFile(path, engine, base, fine, { method: "thrifty" }, sequences))
    .delta;
  const harms = await readSensitivity(sensitivityFile(path));
  assert.deepEqual(harms.map(({ layer }) => layer).toSorted(), names.toSorted());
  const deltas = await Promise.all([1, 2, 3].map(async (masks) => {
    const form = { method: "residual signs", settings: { masks } };
    return (await compress(engine, base, fine, form, null)).delta;
  }));
  const inputs = new Map<string, Float32Array>();
  const rows = { rows: 12, padding: "left out" } as const;
  await collectActivations(engine, fine, sequences, rows, async ({ layers, inputs: placed }) => {
    const [read] = await engine.read([placed]);
    for (const layer of layers) inputs.set(layer, read as Float32Array);
  });
  for (const layer of [names[0], names[6], names[9], names[13]]) {
    const { kl, errors } = harms.find((each) => each.layer === layer)!;
    const [from, to] = await Promise.all(
      [base, fine].map((each) => each.readFloat32(`${layer}.weight`)),
    );
    const made = await Promise.all(
      deltas.map(async (delta) => decodeLayer(await delta.readLayer(layer))),
    );
    const first = from.map((value, at) => value + made[0][at]);
    const expected = await plainDivergence(pair, layer, first);
    assert.ok(Math.abs(kl - expected) < 1e-4 * expected + 1e-7, `${layer}: ${kl} ${expected}`);
    const delta = to.map((value, at) => value - from[at]);
    const energy = energyOf(inputs.get(layer)!, delta);
    for (const [form, each] of made.entries()) {
      const error = energyOf(inputs.get(layer)!, delta.map((value, at) => value - each[at]));
      assert.ok(Math.abs(errors[form] - error / energy) < 1e-4, `${layer} ${form}`);
    }
    assert.ok(errors[0] > errors[1] && errors[1] > errors[2]);
  }
});

/** ‖XMᵀ‖² over 12 rows. */
function energyOf(inputs: Float32Array, matrix: Float32Array): number {
  const inSize = inputs.length / 12;
  let energy = 0;
  for (let row = 0; row < 12; row++) {
    for (let o = 0; o < matrix.length / inSize; o++) {
      let output = 0;
      for (let i = 0; i < inSize; i++) {
        output += inputs[row * inSize + i] * matrix[o * inSize + i];
      }
      energy += output * output;
    }
  }
  return energy;
}

Deno.test("a file takes at most the bytes that it may, to the byte, and what was measured serves other budgets", async () => {
  using _lists = withThrift();
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const labels: string[] = [];
  const make = async (bytes: number) => {
    const choice = { method: "thrifty", settings: { bytes } };
    const onProgress = ({ label }: Progress) => void labels.push(label!);
    const notes = { text: "some" };
    const options = { onProgress, notes };
    const made = await compressToFile(
      path,
      engine,
      pair.base,
      pair.fine,
      choice,
      sequences,
      options,
    );
    using delta = made.delta;
    const masks = await Promise.all(
      names.map(async (name) => (await delta.readLayer(name)).terms.length),
    );
    return { size: (await Deno.stat(path)).size, masks, chosen: delta.metadata.settings.chosen };
  };
  const most = await make(1e6);
  assert.deepEqual(most.masks, names.map(() => 3));
  assert.equal(most.chosen, "masks 3: 14");
  const { length } = labels;
  assert.ok(labels.slice(0, 14).every((label) => label.startsWith("sensitivity: ")), `${labels}`);
  const less = await make(most.size - 17);
  assert.ok(less.size < most.size && less.masks.includes(2), `${less.size} of ${most.size}`);
  // What fits to the byte is taken again; a header is filled up to 8 bytes, and has the limit in it.
  const again = await make(less.size);
  assert.ok(again.size <= less.size && less.size - again.size <= 8, `${again.size} ${less.size}`);
  assert.deepEqual(again.masks, less.masks);
  assert.ok(labels.slice(length).every((label) => !label.startsWith("sensitivity")));

  const refused = await make(100).catch((error) => error);
  assert.ok(refused instanceof OptionError);
  const [, least] = /option 'bytes': is less .*got 100; expected at least (\d+)$/
    .exec(refused.message)!;
  const smallest = await make(Number(least));
  assert.deepEqual(smallest.masks, names.map(() => 1));
  assert.ok(Number(least) - smallest.size <= 8 && smallest.size <= Number(least));
});

Deno.test("bits a weight are kept within, and go where the KL gains by them", async () => {
  using _lists = withThrift();
  const strong = [names[2], names[5], names[11]];
  const change = (isFine: boolean) => (tensor: string, values: Float32Array) => {
    const layer = tensor.replace(/\.weight$/, "");
    if (!names.includes(layer)) return;
    const amplitude = strong.includes(layer) ? 0.3 : 0.003;
    values.forEach((_, at) => {
      values[at] = 0.3 * Math.sin(1.7 * at) + (isFine ? amplitude * Math.cos(2.3 * at * at) : 0);
    });
  };
  await using pair = await tinyPair({ base: change(false), fine: change(true) });
  const { base, fine } = pair;
  // As many as these three take with three masks, and all others with one.
  const { layers } = pair.initial;
  const weights = [...layers.values()].reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  const bytes = [...layers].reduce(
    (sum, [name, form]) => sum + layerBytes(form) * (strong.includes(name) ? 3 : 1),
    0,
  );
  const bits = 8 * bytes / weights;
  const choice = { method: "thrifty", settings: { bits } };
  const { delta } = await compress(engine, base, fine, choice, sequences);
  assert.equal(bitsPerWeight(delta), bits);
  const { metadata } = delta;
  assert.deepEqual(
    [...delta.layers].filter(([, { terms }]) => terms.length === 3).map(([name]) => name),
    strong,
  );
  assert.equal(metadata.method, "thrifty");
  assert.equal(
    metadata.settings.chosen,
    "masks 1: 11; masks 3: 3",
  );

  const least = bitsPerWeight(pair.initial);
  for (
    const [settings, isEnough] of [[{ bits: 0.999 * least }, false], [
      { bits: least },
      true,
    ]] as const
  ) {
    const made = compress(engine, base, fine, { method: "thrifty", settings }, sequences);
    if (isEnough) assert.equal(bitsPerWeight((await made).delta), least);
    else {await assert.rejects(
        made,
        /option 'bits': is less .*got 2\.\d+; expected at least \d\.\d+$/,
      );}
  }
  assert.throws(() => planDelta(fine, choice), /lays a delta out by what it measures/);
});
