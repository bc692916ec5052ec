/**
 * Pairs whose checkpoints differ as real ones do, from folders to a delta in a file and back: what a base and the
 * file give computes what a checkpoint does that plain loops put together of the base's linear layers, the stored
 * signs and scales, and the fine-tune's other tensors, run by plain loops too as the fine-tune's folder says.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { type FloatType, toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { EMBEDDING, HEAD, tensorNames } from "../../lib/checkpoint/weights.ts";
import { unpackSigns } from "../../lib/codecs/signs.ts";
import { applyToCheckpoint } from "../../lib/delta/apply.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import { slidingWindows } from "../../lib/evaluation/windows.ts";
import { compressToFile } from "../../lib/methods/compress.ts";
import type { MethodChoice } from "../../lib/methods/method.ts";
import { CheckpointError } from "../../lib/util/errors.ts";
import { rewrite, splitIntoShards } from "../checkpoint/changed_folder.ts";
import {
  EVERYTHING,
  saveTiny,
  temporaryFolder,
  TINY_CONFIG,
} from "../checkpoint/tiny_checkpoint.ts";
import { maskOf, scaleOf } from "../delta/signs_of_layers.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { withMemory } from "../graph/with_memory.ts";
import { argmax, crossEntropy, klDivergence } from "../graph/plain/likelihood.ts";
import { decoderLogits, type PlainWeights } from "../model/plain/decoder.ts";
import { textOfTokens } from "../evaluation/oracle_perplexity.ts";
import { engine } from "./oracle_pair.ts";

/** Both sides of a pair, and what is done to the fine-tune's folder. */
interface Difference {
  readonly base?: Partial<DecoderConfig>;
  readonly fine?: Partial<DecoderConfig>;
  readonly types?: readonly [base: FloatType, fine: FloatType];
  readonly change?: (folder: string) => Promise<void>;
  /** Version of the delta's file; default: 4, which older readers know. */
  readonly version?: number;
}

const mistral: Partial<DecoderConfig> = { architecture: "MistralForCausalLM", slidingWindow: 4 };

const differences: Readonly<Record<string, Difference>> = {
  "two more tokens": { fine: { vocabularySize: 13 } },
  "a base padded to more rows": { base: { vocabularySize: 16 } },
  "a head of its own beside a tied base": { base: { tiedEmbeddings: true } },
  "a tied head beside a base's own": { fine: { tiedEmbeddings: true } },
  "tied and grown": { fine: { tiedEmbeddings: true, vocabularySize: 13 } },
  "bfloat16 on float16": { types: ["F16", "BF16"] },
  "float16 on float32": { types: ["F32", "F16"] },
  "shards beside one file": { change: splitIntoShards },
  "tensors that nothing computes with": { change: addTables },
  "a head beside tied embeddings": {
    base: { tiedEmbeddings: true },
    fine: { tiedEmbeddings: true },
    change: addTiedHead,
  },
  "settings as transformers 5 writes them": { change: writeAsVersion5 },
  "other positions and no window": {
    base: mistral,
    fine: { ...mistral, slidingWindow: null, ropeTheta: 1e6, maximumPositions: 128 },
    version: 5,
  },
  "scaled positions": {
    fine: { ropeScaling: { type: "linear", factor: 2 } as DecoderConfig["ropeScaling"] },
    version: 5,
  },
  "biases that its base has not": { fine: { attentionBias: "qkvo" }, version: 5 },
  "no biases beside a base that has them": { base: { feedForwardBias: true }, version: 5 },
  "biases, norms of heads, windows by layer and scaled positions": {
    base: EVERYTHING,
    fine: EVERYTHING,
  },
  "windows on other layers and positions scaled otherwise": {
    base: EVERYTHING,
    fine: {
      ...EVERYTHING,
      slidingLayers: [true, false],
      ropeScaling: { type: "dynamic", factor: 2, originalPositions: 6 },
      maximumPositions: 6,
    },
    version: 5,
  },
  "another epsilon": { fine: { normEpsilon: 0.5 }, version: 5 },
  "other special tokens and a longer context": {
    fine: { bosToken: 3, eosToken: 4, maximumPositions: 128 },
  },
};

const methods: Readonly<Record<string, MethodChoice>> = {
  initial: { method: "initial" },
  "activation-aware": { method: "activation-aware", settings: { rows: 12 } },
  distilled: { method: "distilled", variant: "study-faithful", settings: { steps: 2, batch: 1 } },
};

/** Of tokens that every one of the models has. */
const TOKENS = [1, 5, 9, 2, 7, 0, 10, 3, 3, 8, 6, 4, 1, 9];
const PROTOCOL = { context: 4, window: 4 };
const text = textOfTokens("ids", TOKENS);
const sequences = {
  count: 2,
  length: 8,
  tokens: Int32Array.from([...TOKENS.slice(0, 8), ...TOKENS.slice(4, 10), 2, 2]),
  attentionMask: Int32Array.from([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]),
};

/** A first engine that keeps models, and one without the memory for it, which streams them. */
const engines = [engine, withMemory(engine, 0)];

for (const [name, difference] of Object.entries(differences)) {
  Deno.test(`a pair with ${name}: base and file give the fine-tune's model`, async () => {
    await using folder = await temporaryFolder();
    const save = async (role: "base" | "fine", seed: number) => {
      const config = { ...TINY_CONFIG, ...difference[role] };
      const dtype = difference.types?.[seed] ?? "F32";
      const directory = join(folder.path, role);
      await saveTiny(directory, { config, seed, dtype, change: tame });
      if (role === "fine") await difference.change?.(directory);
      return await Checkpoint.open(directory);
    };
    using base = await save("base", 0);
    using fine = await save("fine", 1);
    const reference = plainLogits(fine.config, await plainWeights(fine));
    for (const [index, [method, choice]] of Object.entries(methods).entries()) {
      const on = engines[index % 2];
      const path = join(folder.path, `${method}.safetensors`);
      (await compressToFile(path, on, base, fine, choice, sequences)).delta[Symbol.dispose]();
      using delta = await openDelta(path);
      assert.equal(delta.metadata.version, difference.version ?? 4);
      const applied = await applyToCheckpoint(base, delta);
      assert.deepEqual(applied.config, fine.config);

      const assembled: Record<string, Float64Array> = {};
      for (const tensor of delta.whole.keys()) {
        assembled[tensor] = Float64Array.from(toFloat32(await delta.readWhole(tensor)));
        if (method === "distilled") continue;
        assert.deepEqual(assembled[tensor], Float64Array.from(await fine.readFloat32(tensor)));
      }
      for (const layer of delta.layers.keys()) {
        const stored = await delta.readLayer(layer);
        const [signs, scale] = [unpackSigns(maskOf(stored), stored.shape), scaleOf(stored)];
        const weights = await base.readFloat32(`${layer}.weight`);
        assembled[`${layer}.weight`] = Float64Array.from(
          weights,
          (each, at) => Math.fround(each + Math.fround(scale * signs[at])),
        );
      }
      const expected = plainScores(plainLogits(fine.config, assembled), reference);

      const evaluator = new Evaluator(on, fine.config, PROTOCOL);
      const ofFine = await evaluator.reference(fine, text);
      await assertScores(evaluator, applied, ofFine, expected, `${method}, applied`);
      const saved = join(folder.path, `${method} saved`);
      await saveCheckpoint(saved, applied, { dtype: "F32", from: fine.directory });
      using reopened = await Checkpoint.open(saved);
      assert.deepEqual(reopened.config, fine.config);
      for (const [tensor, values] of Object.entries(assembled)) {
        if (tensor === HEAD && fine.config.tiedEmbeddings) continue;
        assert.deepEqual(Float64Array.from(await reopened.readFloat32(tensor)), values, tensor);
      }
      if (method === "initial") {
        const ofBase = plainScores(plainLogits(base.config, await plainWeights(base)), reference);
        await assertScores(evaluator, base, ofFine, ofBase, "base");
      }
      await evaluator.release();
    }
  });
}

Deno.test("a base is not scored on tokens that only its fine-tune has", async () => {
  await using folder = await temporaryFolder();
  using base = await Checkpoint.open(await saveTiny(join(folder.path, "base"), { change: tame }));
  const config = { ...TINY_CONFIG, vocabularySize: 13 };
  const directory = await saveTiny(join(folder.path, "fine"), { config, seed: 2, change: tame });
  using fine = await Checkpoint.open(directory);
  const evaluator = new Evaluator(engine, fine.config, PROTOCOL);
  const grown = textOfTokens("grown", [...TOKENS.slice(1), 12]);
  const reference = await evaluator.reference(fine, grown);
  assert.equal((await evaluator.score(fine, grown, reference)).kl, 0);
  await assert.rejects(evaluator.score(base, grown, reference), (error) => {
    assert.ok(error instanceof CheckpointError);
    assert.match(error.message, /'grown' holds a token beyond the vocabulary of 'base': got 12/);
    return true;
  });
  await evaluator.release();
});

Deno.test("the file of a fine-tune that only numbers its tokens otherwise says so, in version 4", async () => {
  await using folder = await temporaryFolder();
  using base = await Checkpoint.open(await saveTiny(join(folder.path, "base")));
  const config = { ...TINY_CONFIG, bosToken: null, vocabularySize: 13 };
  using fine = await Checkpoint.open(
    await saveTiny(join(folder.path, "fine"), { config, seed: 2 }),
  );
  const path = join(folder.path, "delta.safetensors");
  const made = await compressToFile(path, engine, base, fine, { method: "initial" }, null);
  made.delta[Symbol.dispose]();
  using file = await SafetensorsFile.open(path);
  assert.deepEqual([file.metadata.version, file.metadata.config], ["4", '{"bos_token_id":null}']);
});

/** Weights of deviation 0.3, and 1 more in norms. */
function tame(tensor: string, values: Float32Array): void {
  const centre = tensor.endsWith("norm.weight") ? 1 : 0;
  values.forEach((each, at) => values[at] = centre + 0.3 * each);
}

async function addTables(folder: string): Promise<void> {
  const F32 = { dtype: "F32", bytes: new Uint8Array(12), shape: [3] } as const;
  await rewrite(folder, (tensors) => [
    ...tensors,
    { name: "model.layers.0.self_attn.rotary_emb.inv_freq", ...F32 },
    { name: "model.rotary_emb.inv_freq", ...F32 },
    { name: "model.position_ids", dtype: "I64", shape: [1, 2], bytes: new Uint8Array(16) },
  ]);
}

async function addTiedHead(folder: string): Promise<void> {
  await rewrite(folder, (tensors) => [
    ...tensors,
    { ...tensors.find(({ name }) => name === EMBEDDING)!, name: HEAD },
  ]);
}

/** θ in `rope_parameters` and the type in `dtype`. */
async function writeAsVersion5(folder: string): Promise<void> {
  const path = join(folder, "config.json");
  const { rope_theta, torch_dtype, ...rest } = JSON.parse(await Deno.readTextFile(path));
  const rope_parameters = { rope_type: "default", rope_theta };
  await Deno.writeTextFile(path, JSON.stringify({ ...rest, rope_parameters, dtype: torch_dtype }));
}

async function plainWeights(model: Checkpoint): Promise<PlainWeights> {
  const weights: Record<string, Float64Array> = {};
  for (const tensor of tensorNames(model.config)) {
    weights[tensor] = Float64Array.from(await model.readFloat32(tensor));
  }
  return weights;
}

/** What the plain loops say before each scored token, in the order of the windows. */
function plainLogits(config: DecoderConfig, weights: PlainWeights): Float64Array[] {
  return slidingWindows(TOKENS.length, PROTOCOL, "ids").flatMap(({ begin, end, scored }) => {
    const tokens = Float64Array.from(TOKENS.slice(begin, end));
    const all = decoderLogits(config, weights, tokens, { batch: 1, sequence: tokens.length });
    const size = config.vocabularySize;
    return Array.from({ length: scored }, (_, row) => {
      const at = tokens.length - 1 - scored + row;
      return all.slice(at * size, (at + 1) * size);
    });
  });
}

/** NLL, KL over the ids that both have, and agreement over all, of each scored token together. */
function plainScores(logits: Float64Array[], reference: Float64Array[]) {
  const labels = slidingWindows(TOKENS.length, PROTOCOL, "ids")
    .flatMap(({ end, scored }) => TOKENS.slice(end - scored, end));
  const shared = Math.min(logits[0].length, reference[0].length);
  const sums = { nll: 0, kl: 0, agreement: 0 };
  for (const [row, label] of labels.entries()) {
    const [model, wanted] = [logits[row], reference[row]];
    sums.nll += crossEntropy(model, [label])[0];
    sums.kl += klDivergence(wanted.slice(0, shared), model.slice(0, shared), shared)[0];
    sums.agreement += +(argmax(model, model.length)[0] === argmax(wanted, wanted.length)[0]);
  }
  return Object.values(sums).map((each) => each / labels.length);
}

async function assertScores(
  evaluator: Evaluator,
  model: Parameters<Evaluator["score"]>[0],
  reference: Parameters<Evaluator["score"]>[2],
  expected: number[],
  label: string,
): Promise<void> {
  const { documents: [document] } = await evaluator.score(model, text, reference);
  const found = [document.nll, document.kl!, document.agreement!];
  const each = found.map((sum) => sum / document.tokens);
  assertWithin(relativeError(each, expected), 1e-5, label);
}
