/** What is trained follows from the codecs: any trainable part of any term, here of packed signs. */

import assert from "node:assert/strict";
import { toFloat32, toInt32 } from "../../lib/checkpoint/tensor.ts";
import { tensorNames } from "../../lib/checkpoint/weights.ts";
import type { Codec, CompressedLayer, Term } from "../../lib/codecs/codec.ts";
import { codecs } from "../../lib/codecs/mod.ts";
import { signs, signsTerm, unpackSigns } from "../../lib/codecs/signs.ts";
import { loadDelta, type MemoryDelta, memoryDelta, readTrainable } from "../../lib/delta/delta.ts";
import { compressedTensors, modelTensors } from "../../lib/model/model_tensors.ts";
import { wholeModelLoss } from "../../lib/training/distillation.ts";
import { layerwiseLoss } from "../../lib/training/layerwise_distillation.ts";
import { squaredError, weightedDivergence } from "../../lib/training/losses.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { maskOf } from "../delta/signs_of_layers.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { finiteDifferences } from "../graph/finite_difference.ts";
import { klDivergence } from "../graph/plain/likelihood.ts";
import { decoderLogits, type PlainWeights } from "../model/plain/decoder.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { distill, distillationSettings } from "./distill.ts";
import { engine } from "./oracle_pair.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";

const { vocabularySize } = TINY_CONFIG;
const shape = { batch: 2, sequence: 5 };
const sequences = randomSequences([5, 3], shape.sequence, vocabularySize, 4);
const { tokens, attentionMask } = sequences;
const rowWeights = Float32Array.from(attentionMask, (each) => each / 8);

/** A layer with one term more than the others, so that the two decoder layers are stored differently. */
const TWO_TERMS = "model.layers.1.mlp.down_proj";

/** The initial masks, with a scale for each row and each column. */
function rowsAndColumns({ initial }: TinyPair): MemoryDelta {
  const random = new SeededRandom(5);
  const around = (count: number, centre: number) =>
    Float32Array.from({ length: count }, () => centre * (1 + 0.2 * random.normal()));
  const layers = new Map<string, CompressedLayer>();
  for (const [name, layer] of initial.layers) {
    const [outSize, inSize] = layer.shape;
    const mask = maskOf(layer);
    const scales = { row: around(outSize, 0.5), column: around(inSize, 1) };
    const terms = [signsTerm(mask, layer.shape, scales)];
    const other = mask.map((word) => word ^ 0x55555555);
    if (name === TWO_TERMS) terms.push(signsTerm(other, layer.shape, { coeff: 0.25 }));
    layers.set(name, { ...layer, terms });
  }
  return memoryDelta(layers, initial.whole, initial.metadata);
}

/** row[o] · column[i] · S[o, i] in float64, or coeff · S[o, i]; `moved` stands in for a part. */
function plainTerm({ parts }: Term, [outSize, inSize]: readonly number[], moved: Moved): number[] {
  const values = (part: string) => moved[part] ?? toFloat32(parts[part]);
  const signs = unpackSigns(toInt32(parts.mask), [outSize, inSize]);
  return Array.from(signs, (sign, at) => {
    if (parts.coeff) return values("coeff")[0] * sign;
    return values("row")[Math.floor(at / inSize)] * values("column")[at % inSize] * sign;
  });
}

type Moved = Readonly<Record<string, Float64Array>>;

/** Losses of the plain decoder with a part of a layer's term moved. */
async function plainLosses({ base, fine }: TinyPair, start: MemoryDelta) {
  const [ofFine, ofBase]: Record<string, Float64Array>[] = [{}, {}];
  for (const name of tensorNames(TINY_CONFIG)) {
    ofFine[name] = Float64Array.from(await fine.readFloat32(name));
    // A delta keeps the other tensors whole from the fine-tune.
    ofBase[name] = start.layers.has(name.replace(/\.weight$/, ""))
      ? Float64Array.from(await base.readFloat32(name))
      : ofFine[name];
  }
  const layerWeights = (layer: string, term: number, moved: Moved) => {
    const { shape, terms } = start.layers.get(layer)!;
    return terms.reduce((sum, each, index) => {
      const product = plainTerm(each, shape, index === term ? moved : {});
      return sum.map((weight, at) => weight + product[at]);
    }, ofBase[`${layer}.weight`]);
  };
  const student: Record<string, Float64Array> = { ...ofBase };
  for (const layer of start.layers.keys()) student[`${layer}.weight`] = layerWeights(layer, 0, {});
  const mask = Float64Array.from(attentionMask);
  const logits = (weights: PlainWeights) =>
    decoderLogits(TINY_CONFIG, weights, Float64Array.from(tokens), shape, { attentionMask: mask });
  const teacher = logits(ofFine);
  const moved = (layer: string, term: number, part: string, values: Float64Array) =>
    logits({ ...student, [`${layer}.weight`]: layerWeights(layer, term, { [part]: values }) });
  return {
    squaredError: (...change: Parameters<typeof moved>) =>
      moved(...change).reduce((sum, each, at) => {
        const weight = rowWeights[Math.floor(at / vocabularySize)] / vocabularySize;
        return sum + weight * (each - teacher[at]) ** 2;
      }, 0),
    weightedDivergence: (...change: Parameters<typeof moved>) =>
      klDivergence(teacher, moved(...change), vocabularySize)
        .reduce((sum, each, row) => sum + rowWeights[row] * each, 0),
  };
}

const LOSSES = { squaredError, weightedDivergence };
const WAYS = { "as one graph": wholeModelLoss, "layer by layer": layerwiseLoss };
const PARTS: [entry: string, layer: string, term: number, part: string][] = [
  ["model.layers.0.self_attn.q_proj.row", "model.layers.0.self_attn.q_proj", 0, "row"],
  ["model.layers.0.mlp.gate_proj.column", "model.layers.0.mlp.gate_proj", 0, "column"],
  ["model.layers.1.self_attn.v_proj.row", "model.layers.1.self_attn.v_proj", 0, "row"],
  [`${TWO_TERMS}.column`, TWO_TERMS, 0, "column"],
  [`${TWO_TERMS}.1.coeff`, TWO_TERMS, 1, "coeff"],
];

for (const [way, compile] of Object.entries(WAYS)) {
  for (const name of ["squaredError", "weightedDivergence"] as const) {
    Deno.test(`${way}, gradients of rows, columns and a second term are finite differences: ${name}`, async () => {
      await using pair = await tinyPair();
      const start = rowsAndColumns(pair);
      const arrays = await readTrainable(start);
      const loss = await compile(engine, {
        config: TINY_CONFIG,
        shape,
        teacher: modelTensors(pair.fine, engine),
        student: compressedTensors(modelTensors(pair.base, engine), start, pair.base.config),
        trained: [...arrays.keys()],
        detached: false,
        loss: LOSSES[name],
      });
      const result = await loss.run(arrays, { tokens, attentionMask, rowWeights });
      const plain = await plainLosses(pair, start);
      for (const [entry, layer, term, part] of PARTS) {
        const values = Float64Array.from(arrays.get(entry)!);
        const at = (moved: Float64Array) => plain[name](layer, term, part, moved);
        assertWithin(relativeError([result.loss], [at(values)]), 1e-5, "loss");
        const expected = finiteDifferences(at, values);
        assertWithin(relativeError(result.gradient(entry), expected), 1e-4, entry);
      }
      await loss.release();
    });
  }
}

Deno.test("a step moves each trainable part, and keeps masks, forms and whole tensors", async () => {
  await using pair = await tinyPair();
  const initial = rowsAndColumns(pair);
  const settings = distillationSettings("corrected", { steps: 1, batch: 2 });
  const { delta } = await distill({ ...pair, initial }, sequences, settings);
  const { layers, whole } = await loadDelta(delta);
  assert.deepEqual(whole, initial.whole);
  for (const [name, { terms }] of initial.layers) {
    for (const [term, { codec, form, parts }] of terms.entries()) {
      const after = layers.get(name)!.terms[term];
      assert.deepEqual([after.codec, after.form, after.parts.mask], [codec, form, parts.mask]);
      const { mask: _, ...trained } = parts;
      for (const part of Object.keys(trained)) {
        const [before, now] = [parts[part], after.parts[part]].map(toFloat32);
        // The first step of AdamW goes the learning rate's length, whatever the gradient's.
        const moved = now.map((each, at) => Math.abs(each - before[at]) / settings.learningRate);
        assertWithin(Math.max(...moved) - 1, 1e-2, `${name} ${term} ${part}`);
        assert.ok(Math.max(...moved) > 0.99, `${name} ${term} ${part}: ${moved}`);
      }
    }
  }
});

Deno.test("where no codec trains anything the scales are refused, and whole tensors alone are trained", async () => {
  const frozen: Codec = { ...signs, name: "frozen signs", trainable: [] };
  codecs.push(frozen);
  try {
    await using pair = await tinyPair();
    const layers = new Map(
      [...pair.initial.layers].map(([name, layer]) => {
        const terms = layer.terms.map((term) => ({ ...term, codec: frozen.name }));
        return [name, { ...layer, terms }];
      }),
    );
    const initial = memoryDelta(layers, pair.initial.whole, pair.initial.metadata);
    const given = { steps: 1, batch: 2 };
    await assert.rejects(
      distill({ ...pair, initial }, sequences, distillationSettings("corrected", given)),
      (error) => {
        assert.ok(error instanceof DeltaError, String(error));
        return /has nothing to train: got \['frozen signs'\]/.test(error.message);
      },
    );
    const settings = distillationSettings("study-faithful", given);
    const { delta } = await distill({ ...pair, initial }, sequences, settings);
    const found = await loadDelta(delta);
    assert.deepEqual(found.layers, layers);
    for (const [name, tensor] of initial.whole) {
      assert.notDeepEqual(found.whole.get(name), tensor, name);
    }
  } finally {
    codecs.splice(codecs.indexOf(frozen), 1);
  }
});
