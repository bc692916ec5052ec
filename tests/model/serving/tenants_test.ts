/** Tenants of one base in one batch, each as its saved full checkpoint alone. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../../lib/checkpoint/config.ts";
import type { FloatType } from "../../../lib/checkpoint/tensor.ts";
import type { Delta } from "../../../lib/delta/delta.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { compress } from "../../../lib/methods/compress.ts";
import { findMethod, methods } from "../../../lib/methods/mod.ts";
import { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import { ServingError } from "../../../lib/util/errors.ts";
import {
  EVERYTHING,
  saveTiny,
  temporaryFolder,
  TINY_CONFIG,
} from "../../checkpoint/tiny_checkpoint.ts";
import { type Change, tinyPair } from "../../methods/tiny_pair.ts";
import { randomSequences } from "../../texts/random_sequences.ts";
import { assertAsSaved, continueTogether } from "./mixed_batch.ts";

const engine = onnxEngine({ threads: 1 });
const SIZES = { longest: 32, chunk: 4, mostRows: 32 };

/** As little work as a method of the list can do. */
const LEAST: Record<string, number | string> = {
  ...{ rows: 4, steps: 1, batch: 2, aside: 2, start: "initial", families: "one" },
  ...{ rounds: 1, startRounds: 1, polishRounds: 1 },
};

function littleOf(method: string): Record<string, number | string> {
  const known = Object.entries(LEAST).filter(([name]) => name in findMethod(method).settings);
  const all = Object.fromEntries(known);
  return method === "bit-allocation" ? { ...all, bits: 16, slice: 2, ridge: 0.2 } : all;
}

Deno.test("deltas of every method run in one batch, each as its checkpoint alone", async () => {
  await using pair = await tinyPair(near());
  await using folder = await temporaryFolder();
  const { base, fine } = pair;
  const sequences = randomSequences([6, 6, 3], 6, TINY_CONFIG.vocabularySize, 3);
  await using model = await TenantModel.open(engine, base, SIZES);
  const deltas = new Map();
  for (const { name } of methods) {
    const choice = { method: name, settings: littleOf(name) };
    deltas.set(name, (await compress(engine, base, fine, choice, sequences)).delta);
    await model.load(name, deltas.get(name));
  }
  const tenants = [null, ...methods.map(({ name }) => name)];
  const found = await continueTogether(model, tenants, [[1, 4, 7, 2, 9], [3]], 4);
  for (const [at, tenant] of tenants.entries()) {
    const delta = tenant === null ? null : deltas.get(tenant);
    await assertAsSaved(folder.path, base, delta, found[at], tenant ?? "base");
  }
  tenants.forEach((each) => each !== null && model.unload(each));
  assert.equal(model.tenants.size, 0);
});

/** What of a checkpoint is otherwise. */
type Stored = Partial<DecoderConfig> & { readonly type?: FloatType };

/** Bases, and fine-tunes of each that are configured otherwise, or stored in another type. */
const differences: Record<string, [
  base: Partial<DecoderConfig>,
  fine: Record<string, Stored>,
]> = {
  "a base with a head of its own": [{}, {
    "two more tokens": { vocabularySize: 13 },
    "fewer tokens": { vocabularySize: 10 },
    "tied": { tiedEmbeddings: true },
    "tied and grown": { tiedEmbeddings: true, vocabularySize: 13 },
    "other positions": { ropeTheta: 100 },
    "scaled positions": { ropeScaling: { type: "linear", factor: 2 } },
    "positions by length": { ropeScaling: { type: "dynamic", factor: 2, originalPositions: 64 } },
    "biases of attention": { attentionBias: "qkvo" },
    "biases of feed-forwards": { feedForwardBias: true },
    "16 bits": { type: "BF16" },
  }],
  "a tied base": [{ tiedEmbeddings: true }, {
    "a head": { tiedEmbeddings: false },
    "tied too": { tiedEmbeddings: true },
  }],
  "a base of all that few decoders have": [EVERYTHING, {
    "like it": EVERYTHING,
    "without biases": { ...EVERYTHING, attentionBias: undefined },
  }],
};

for (const [name, [ofBase, fines]] of Object.entries(differences)) {
  Deno.test(`${name}: fine-tunes that differ in settings run in one batch`, async () => {
    await using folder = await temporaryFolder();
    const changes = near();
    const save = async (name: string, seed: number, { type = "F32", ...config }: Stored) => {
      const directory = join(folder.path, name);
      const full = { ...TINY_CONFIG, ...config };
      const change = seed === 0 ? changes.base : changes.fine;
      await saveTiny(directory, { config: full, seed, dtype: type, change });
      return await Checkpoint.open(directory);
    };
    using base = await save("base", 0, ofBase);
    await using model = await TenantModel.open(engine, base, SIZES);
    const deltas = new Map<string, Delta>();
    for (const [index, [name, fine]] of Object.entries(fines).entries()) {
      using checkpoint = await save(name, 1 + index, fine);
      deltas.set(
        name,
        (await compress(engine, base, checkpoint, { method: "initial" }, null)).delta,
      );
      const bytes = model.bytesOf(deltas.get(name)!);
      await model.load(name, deltas.get(name)!);
      assert.ok(model.tenants.get(name)! <= bytes);
    }
    const tenants = [null, ...deltas.keys(), ...deltas.keys()];
    const found = await continueTogether(model, tenants, [[1, 4, 7, 2, 9], [3, 8]], 5);
    for (const [at, tenant] of tenants.entries()) {
      const delta = tenant === null ? null : deltas.get(tenant)!;
      await assertAsSaved(folder.path, base, delta, found[at], `${tenant} ${at}`);
    }
  });
}

const refused: Record<string, [Partial<DecoderConfig>, RegExp]> = {
  "another ε": [{ normEpsilon: 0.5 }, /'rms_norm_eps'.*got 0\.5; expected 0\.00001/],
  "another window": [{ slidingWindow: null }, /'sliding_window'.*got null; expected 4/],
};

for (const [name, [difference, message]] of Object.entries(refused)) {
  Deno.test(`${name} is refused: sequences of a batch share it`, async () => {
    const config: DecoderConfig = {
      ...TINY_CONFIG,
      architecture: "MistralForCausalLM",
      slidingWindow: 4,
    };
    await using folder = await temporaryFolder();
    const save = async (name: string, seed: number, config: DecoderConfig) => {
      const directory = join(folder.path, name);
      await saveTiny(directory, { config, seed });
      return await Checkpoint.open(directory);
    };
    using base = await save("base", 0, config);
    using fine = await save("fine", 1, { ...config, ...difference });
    const { delta } = await compress(engine, base, fine, { method: "initial" }, null);
    await using model = await TenantModel.open(engine, base, SIZES);
    await assert.rejects(model.load("other", delta), (error) => {
      assert.ok(error instanceof ServingError);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(model.tenants.size, 0);
  });
}

/** Weights as large as a trained model's, and then those of fine-tunes as near to them as theirs are. */
function near() {
  const ofBase = new Map<string, Float32Array>();
  const base: Change = (tensor, values) => {
    const centre = tensor.endsWith("norm.weight") ? 1 : 0;
    values.forEach((each, at) => values[at] = centre + 0.3 * each);
    ofBase.set(tensor, values.slice());
  };
  const fine: Change = (tensor, values) => {
    const from = ofBase.get(tensor);
    values.forEach((each, at) => values[at] = (from?.[at] ?? 0) + 0.05 * each);
  };
  return { base, fine };
}
