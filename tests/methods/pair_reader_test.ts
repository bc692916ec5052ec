/** That a pair is read once and rightly for all that is asked of it, by this thread and by workers. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { isLittle, roomFor } from "../../lib/checkpoint/room.ts";
import { byteCount, type FloatType } from "../../lib/checkpoint/tensor.ts";
import { linearLayerNames, wholeTensorNames } from "../../lib/checkpoint/weights.ts";
import type { CompressedLayer, Parts } from "../../lib/codecs/codec.ts";
import { PairReader } from "../../lib/methods/pair_reader.ts";
import { CheckpointError } from "../../lib/util/errors.ts";
import { assertReadOnce, dataReads } from "../checkpoint/data_reads.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { tinyPair } from "./tiny_pair.ts";
import { maskDigits, plainDelta, plainMask } from "../codecs/plain_signs.ts";

/** One decoder layer whose `up_proj` and embedding are read by workers, of a width that 32 does not divide. */
const LARGE: DecoderConfig = {
  ...TINY_CONFIG,
  layerCount: 1,
  hiddenSize: 300,
  intermediateSize: 7100,
  vocabularySize: 7100,
  tiedEmbeddings: true,
};
const UP = "model.layers.0.mlp.up_proj";
const EMBEDDING = "model.embed_tokens.weight";

interface Types {
  readonly base: FloatType;
  readonly fine: FloatType;
}

async function largePair({ base, fine }: Types, change: { base?: Change; fine?: Change } = {}) {
  const folder = await temporaryFolder();
  const open = async (role: "base" | "fine", dtype: FloatType, seed: number) => {
    const options = { config: LARGE, seed, dtype, change: change[role] };
    return await Checkpoint.open(await saveTiny(join(folder.path, role), options));
  };
  const pair = { base: await open("base", base, 1), fine: await open("fine", fine, 2) };
  return { ...pair, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

type Change = (tensor: string, values: Float32Array) => void;

async function freshHash({ directory }: Checkpoint): Promise<string> {
  using checkpoint = await Checkpoint.open(directory);
  return await checkpoint.hash();
}

const pairs: Types[] = [
  { base: "BF16", fine: "BF16" },
  { base: "F16", fine: "F16" },
  // The base's weights are few enough for this thread where the fine-tune's are not.
  { base: "BF16", fine: "F32" },
];
for (const types of pairs) {
  Deno.test(`${types.fine} − ${types.base}: signs, weights and digests of workers are the plain ones`, async () => {
    await using pair = await largePair(types);
    const { base, fine } = pair;
    assert.ok(!isLittle(byteCount(fine.info(`${UP}.weight`))));
    const [seeing, not, holding] = [0, 1, 2].map(() => new PairReader(base, fine));
    const taken = await seeing.takeLayer(UP);
    for (const [model, found] of [[base, taken.base], [fine, taken.fine]] as const) {
      const { dtype, shape, bytes } = await model.read(`${UP}.weight`);
      assert.deepEqual([found.dtype, found.shape], [dtype, shape]);
      assert.ok(bytes.every((byte, i) => found.bytes[i] === byte));
    }
    const delta = plainDelta(taken.base, taken.fine);
    const expected = plainMask(delta, ...taken.shape);
    assert.ok(maskDigits(taken.signs.mask).every((word, i) => word === expected[i]));
    const mean = delta.reduce((sum, each) => sum + Math.abs(each), 0) / delta.length;
    assert.ok(Math.abs(taken.signs.meanMagnitude - mean) <= 2e-7 * mean);
    const held = await holding.readFine(`${UP}.weight`);
    const again = await holding.takeLayer(UP);
    assert.equal(again.fine.bytes, held.bytes);
    const signs = await not.takeLayer(UP, { weights: false });
    for (const other of [again, signs]) assert.deepEqual(other.signs, taken.signs);
    for (const role of ["base", "fine"] as const) {
      assert.throws(() => signs[role], /RangeError: weights of '.*up_proj' are looked at/);
    }
    for (const name of linearLayerNames(LARGE)) await not.takeLayer(name, { weights: false });
    for (const name of wholeTensorNames(LARGE)) {
      const [taken, plain] = [await not.takeWhole(name), await fine.read(name)];
      assert.deepEqual([taken.dtype, taken.shape], [plain.dtype, plain.shape]);
      assert.ok(Buffer.from(taken.bytes).equals(plain.bytes), name);
    }
    assert.ok(not.changed);
    // All digests are those that were found on the way.
    assert.equal(await base.hash(), await freshHash(base));
    assert.equal(await fine.hash(), await freshHash(fine));
  });
}

Deno.test("a layer is read once, early, for a forward pass that asks for it, and its room is used again", async () => {
  await using pair = await largePair({ base: "BF16", fine: "BF16" });
  const { base, fine } = pair;
  const tensor = `${UP}.weight`;
  const late = await new PairReader(base, fine).takeLayer(UP);
  const reader = new PairReader(base, fine, { early: true });
  const [held, again] = await Promise.all([reader.readFine(tensor), reader.readFine(tensor)]);
  const taken = await reader.takeLayer(UP);
  assert.equal(taken.fine, held);
  assert.equal(again, held);
  assert.deepEqual(taken.signs, late.signs);
  for (const role of ["base", "fine"] as const) {
    assert.ok(late[role].bytes.every((byte, i) => taken[role].bytes[i] === byte));
  }
  const kept = (parts: Parts): CompressedLayer => ({
    ...{ shape: taken.shape, role: "delta", terms: [{ codec: "signs", form: {}, parts }] },
  });
  reader.giveBack(taken, kept({ all: taken.fine }));
  const room = roomFor(taken.fine.bytes.length);
  assert.equal(room.buffer, taken.base.bytes.buffer);
  assert.notEqual(roomFor(taken.fine.bytes.length).buffer, taken.fine.bytes.buffer);
  assert.ok(reader.changed);
});

Deno.test("a digest that a worker found on the way is not looked for again", async () => {
  await using pair = await largePair({ base: "BF16", fine: "BF16" });
  const { base, fine } = pair;
  const hashes = [await freshHash(base), await freshHash(fine)];
  const reader = new PairReader(base, fine);
  for (const name of linearLayerNames(LARGE)) await reader.takeLayer(name, { weights: false });
  for (const name of wholeTensorNames(LARGE)) await reader.takeWhole(name);
  for (const { directory } of [base, fine]) await Deno.remove(join(directory, "model.safetensors"));
  assert.deepEqual([await base.hash(), await fine.hash()], hashes);
});

Deno.test("a pair is the same where every byte is, and not where one of them differs or a type", async () => {
  await using pair = await largePair({ base: "BF16", fine: "BF16" });
  const { fine } = pair;
  const changed = async (base: Checkpoint) => {
    const reader = new PairReader(base, fine);
    await reader.takeLayer(UP, { weights: false });
    await reader.takeWhole(EMBEDDING);
    return reader.changed;
  };
  assert.ok(!await changed(fine));
  const last = (tensor: string, values: Float32Array) => {
    if (tensor === EMBEDDING) values[values.length - 1] += 1;
  };
  await using folder = await temporaryFolder();
  const options = { config: LARGE, seed: 2 };
  for (
    const [name, more] of [["last", { dtype: "BF16", change: last }], ["type", {
      dtype: "F32",
    }]] as const
  ) {
    const path = join(folder.path, name);
    using other = await Checkpoint.open(await saveTiny(path, { ...options, ...more }));
    assert.ok(await changed(other), name);
  }
});

for (const role of ["base", "fine"] as const) {
  for (const tensor of [`${UP}.weight`, EMBEDDING]) {
    if (role === "base" && tensor === EMBEDDING) continue;
    Deno.test(`an infinite weight of the ${role}'s ${tensor} is named by its element, from a worker`, async () => {
      const element = 1_048_577;
      const change = (name: string, values: Float32Array) => {
        if (name === tensor) values[element] = -Infinity;
      };
      await using pair = await largePair({ base: "BF16", fine: "BF16" }, { [role]: change });
      const reader = new PairReader(pair.base, pair.fine);
      const early = new PairReader(pair.base, pair.fine, { early: true });
      const takings = tensor === EMBEDDING
        ? [() => reader.takeWhole(tensor)]
        : [() => reader.takeLayer(UP, { weights: false }), () => early.readFine(tensor)];
      for (const take of takings) {
        await assert.rejects(take, (error) => {
          assert.ok(error instanceof CheckpointError);
          const { tensor: named, file, value } = error.fault;
          assert.deepEqual([named, value], [tensor, -Infinity]);
          assert.ok(file?.startsWith(pair[role].directory));
          assert.match(error.message, /element 1048577 is not finite/);
          return true;
        });
      }
    });
  }
}

for (
  const [base, fine, value, type] of [
    ["BF16", "BF16", 3e38, "BF16"],
    ["F16", "F16", 4e4, "F16"],
    ["F32", "BF16", 3e38, "F32"],
  ] as const
) {
  Deno.test(`differences of ${fine} and ${base} beyond ${type} are told of the tensor, from a worker`, async () => {
    const at = (value: number) => (tensor: string, values: Float32Array) => {
      if (tensor === `${UP}.weight`) values[5] = value;
    };
    await using pair = await largePair({ base, fine }, { base: at(-value), fine: at(value) });
    await assert.rejects(new PairReader(pair.base, pair.fine).takeLayer(UP), (error) => {
      assert.ok(error instanceof CheckpointError);
      const { tensor, problem, value, expected } = error.fault;
      assert.deepEqual([tensor, value], [`${UP}.weight`, Infinity]);
      assert.equal(problem, "differs from its base by more than its type can hold");
      assert.equal(expected, `differences within ${type}`);
      return true;
    });
  });
}

Deno.test("nothing is begun once it is aborted", async () => {
  await using pair = await tinyPair();
  using base = await Checkpoint.open(pair.base.directory);
  const reader = new PairReader(base, pair.fine);
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(reader.takeLayer(UP, { signal }), /enough/);
  await assert.rejects(reader.takeWhole(EMBEDDING, signal), /enough/);
  // Nothing is known of it yet.
  const reads = await dataReads(() => base.hash());
  await assertReadOnce(join(base.directory, "model.safetensors"), reads);
});
