/** Tenants of one base in one batch, each as its saved full checkpoint alone, on any engine. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../../lib/checkpoint/config.ts";
import type { FloatType } from "../../../lib/checkpoint/tensor.ts";
import type { Delta } from "../../../lib/delta/delta.ts";
import type { Engine } from "../../../lib/graph/engine.ts";
import { compress } from "../../../lib/methods/compress.ts";
import { findMethod, methods } from "../../../lib/methods/mod.ts";
import { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import {
  EVERYTHING,
  saveTiny,
  temporaryFolder,
  TINY_CONFIG,
} from "../../checkpoint/tiny_checkpoint.ts";
import { type Change, tinyPair } from "../../methods/tiny_pair.ts";
import { randomSequences } from "../../texts/random_sequences.ts";
import { engine as onCpu } from "../decoder_programs.ts";
import { continueTogether, SavedModels } from "./mixed_batch.ts";

/** What a model of rows has room for. */
export const SIZES = { longest: 32, chunk: 4, mostRows: 32 };

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

/** Deltas of methods, by default of all, in one batch. */
export async function checkMethods(
  engine: Engine,
  names: readonly string[] = methods.map(({ name }) => name),
): Promise<void> {
  await using pair = await tinyPair(near());
  await using folder = await temporaryFolder();
  await using saved = new SavedModels(folder.path);
  const { base, fine } = pair;
  const sequences = randomSequences([6, 6, 3], 6, TINY_CONFIG.vocabularySize, 3);
  await using model = await TenantModel.open(engine, base, SIZES);
  const deltas = new Map();
  for (const name of names) {
    const choice = { method: name, settings: littleOf(name) };
    deltas.set(name, (await compress(onCpu, base, fine, choice, sequences)).delta);
    await model.load(name, deltas.get(name));
  }
  const tenants = [null, ...names];
  const found = await continueTogether(model, tenants, [[1, 4, 7, 2, 9], [3]], 4);
  for (const [at, tenant] of tenants.entries()) {
    const delta = tenant === null ? null : deltas.get(tenant);
    await saved.check(base, delta, found[at], tenant ?? "base");
  }
  tenants.forEach((each) => each !== null && model.unload(each));
  assert.equal(model.tenants.size, 0);
}

/** What of a checkpoint is otherwise. */
type Stored = Partial<DecoderConfig> & { readonly type?: FloatType };

/** Bases, and fine-tunes of each that are configured otherwise, or stored in another type. */
export const differences: Record<string, [
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

/** Fine-tunes of a base, which differ in settings, in one batch. */
export async function checkDifferences(engine: Engine, name: string): Promise<void> {
  const [ofBase, fines] = differences[name];
  await using folder = await temporaryFolder();
  await using saved = new SavedModels(folder.path);
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
      (await compress(onCpu, base, checkpoint, { method: "initial" }, null)).delta,
    );
    const bytes = model.bytesOf(deltas.get(name)!);
    await model.load(name, deltas.get(name)!);
    assert.ok(model.tenants.get(name)! <= bytes);
  }
  const tenants = [null, ...deltas.keys(), ...deltas.keys()];
  const found = await continueTogether(model, tenants, [[1, 4, 7, 2, 9], [3, 8]], 5);
  for (const [at, tenant] of tenants.entries()) {
    const delta = tenant === null ? null : deltas.get(tenant)!;
    await saved.check(base, delta, found[at], `${tenant} ${at}`);
  }
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

/** Each row of a batch of tenants alone, and beside others: to the bit the same. */
export async function checkRowsAlone(engine: Engine, names: readonly string[]): Promise<void> {
  await using pair = await tinyPair(near(), {
    ...TINY_CONFIG,
    hiddenSize: 64,
    intermediateSize: 96,
  });
  const { base, fine } = pair;
  const sequences = randomSequences([6, 6, 3], 6, TINY_CONFIG.vocabularySize, 3);
  await using model = await TenantModel.open(engine, base, SIZES);
  for (const name of names) {
    const choice = { method: name, settings: littleOf(name) };
    await model.load(name, (await compress(onCpu, base, fine, choice, sequences)).delta);
  }
  const prompts = [[1, 4, 7, 2, 9]];
  const together = await continueTogether(model, [...names, null, ...names], prompts, 3);
  for (const [at, name] of [...names, null].entries()) {
    const [alone] = await continueTogether(model, [name], prompts, 3);
    const [, again] = await continueTogether(model, [names[0], name], prompts, 3);
    assert.deepEqual(together[at], alone, `${name} alone`);
    assert.deepEqual(again, alone, `${name} of two`);
  }
}
