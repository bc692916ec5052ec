import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { linearLayerNames, tensorNames, wholeTensorNames } from "../../lib/checkpoint/weights.ts";
import { applyDelta, applyToCheckpoint, checkMadeFrom } from "../../lib/delta/apply.ts";
import type { MemoryDelta } from "../../lib/delta/delta.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { extractDelta } from "../methods/extract.ts";
import { unpackSigns } from "../../lib/codecs/signs.ts";
import { DeltaError, DivergenceError } from "../../lib/util/errors.ts";
import {
  saveTiny,
  temporaryFolder,
  TINY_CONFIG,
  tinySource,
} from "../checkpoint/tiny_checkpoint.ts";
import { chainedHash } from "../checkpoint/old_hashes.ts";
import { openOracleCheckpoint, ORACLE_PAIRS, oraclePath } from "../oracle.ts";
import { changed, maskOf, scaleOf, scalesOf, withScale } from "./signs_of_layers.ts";

async function openTinyPair(directory: string, config = TINY_CONFIG) {
  const baseDirectory = await saveTiny(join(directory, "base"), { config, seed: 1 });
  const fineDirectory = await saveTiny(join(directory, "fine"), { config, seed: 2 });
  return {
    base: await Checkpoint.open(baseDirectory),
    fine: await Checkpoint.open(fineDirectory),
    [Symbol.dispose]() {
      this.base.close();
      this.fine.close();
    },
  };
}

Deno.test("linear layers become base + scale · S, all others the fine-tune's", async () => {
  for (const pair of ORACLE_PAIRS) {
    using base = await openOracleCheckpoint(pair, "base", "bf16");
    using fine = await openOracleCheckpoint(pair, "fine", "bf16");
    const delta = await extractDelta(base, fine);
    const applied = await applyToCheckpoint(base, delta);
    assert.deepEqual(applied.config, base.config);
    assert.equal(applied.name, "base_bf16 + initial delta");
    for (const layer of linearLayerNames(base.config)) {
      const stored = delta.layers.get(layer)!;
      const scale = scaleOf(stored);
      const signs = unpackSigns(maskOf(stored), stored.shape);
      const weights = await base.readFloat32(`${layer}.weight`);
      const expected = weights.map((value, i) => value + scale * signs[i]);
      assert.deepEqual(await applied.readFloat32(`${layer}.weight`), expected);
    }
    for (const tensor of wholeTensorNames(base.config)) {
      assert.deepEqual(await applied.readFloat32(tensor), await fine.readFloat32(tensor));
    }
  }
});

Deno.test("among all scales, the mean magnitude brings the base closest to its fine-tune", async () => {
  using base = await openOracleCheckpoint("A", "base", "f32");
  using fine = await openOracleCheckpoint("A", "fine", "f32");
  const delta = await extractDelta(base, fine);
  const tensor = "model.layers.2.mlp.gate_proj.weight";
  const target = await fine.readFloat32(tensor);
  const distance = async (factor: number) => {
    const layers = new Map([...delta.layers].map(([name, layer]) => [
      name,
      withScale(layer, scaleOf(layer) * factor),
    ]));
    const applied = await applyDelta(base, changed(delta, { layers }));
    const weights = await applied.readFloat32(tensor);
    return weights.reduce((sum, value, i) => sum + (value - target[i]) ** 2, 0);
  };
  const best = await distance(1);
  for (const factor of [0, 0.5, 0.98, 1.02, 2]) {
    assert.ok(await distance(factor) > best, `${factor}`);
  }
});

Deno.test("a delta of widths that 32 does not divide survives file, application and saving", async () => {
  await using folder = await temporaryFolder();
  using pair = await openTinyPair(folder.path);
  const { base, fine } = pair;
  const delta = await extractDelta(base, fine);
  const path = join(folder.path, "delta.safetensors");
  await writeDelta(path, delta);
  const applied = await applyToCheckpoint(base, await readDelta(path));
  const directory = join(folder.path, "applied");
  await saveCheckpoint(directory, applied, { dtype: "F32" });
  using saved = await Checkpoint.open(directory);
  const direct = await applyDelta(base, delta);
  for (const tensor of tensorNames(base.config)) {
    assert.deepEqual(await saved.readFloat32(tensor), await direct.readFloat32(tensor));
  }
});

Deno.test("tied embeddings come from the delta, for the head too", async () => {
  await using folder = await temporaryFolder();
  using pair = await openTinyPair(folder.path, { ...TINY_CONFIG, tiedEmbeddings: true });
  const { base, fine } = pair;
  const applied = await applyDelta(base, await extractDelta(base, fine));
  const expected = await fine.readFloat32("model.embed_tokens.weight");
  assert.deepEqual(await applied.readFloat32("lm_head.weight"), expected);
  assert.ok(applied.has("lm_head.weight"));
});

Deno.test("the study's own file applies: no hash, no widths", async () => {
  using base = await openOracleCheckpoint("A", "base", "f32");
  const delta = await readDelta(oraclePath("A", "diff_orig_distilled.safetensors"));
  const applied = await applyToCheckpoint(base, delta);
  const layer = "model.layers.0.self_attn.o_proj";
  const weights = await applied.readFloat32(`${layer}.weight`);
  const before = await base.readFloat32(`${layer}.weight`);
  const scale = (await scalesOf(delta)).get(layer)!;
  weights.forEach((value, i) => assert.ok(Math.abs(Math.abs(value - before[i]) - scale) < 1e-7));
  const head = await applied.readFloat32("lm_head.weight");
  assert.deepEqual(head, toFloat32(delta.whole.get("lm_head.weight")!));
});

Deno.test("widths that a file does not state are the base's", async () => {
  await using folder = await temporaryFolder();
  using pair = await openTinyPair(folder.path);
  const { base, fine } = pair;
  const delta = await extractDelta(base, fine);
  const layers = new Map([...delta.layers].map(([name, layer]) => [
    name,
    { ...layer, shape: [layer.shape[0], 32 * Math.ceil(layer.shape[1] / 32)] as [number, number] },
  ]));
  const tensor = "model.layers.0.mlp.down_proj.weight";
  const metadata = { ...delta.metadata, version: null };
  const unstated = await applyDelta(base, changed(delta, { layers, metadata }));
  const stated = await applyDelta(base, delta);
  assert.deepEqual(await unstated.readFloat32(tensor), await stated.readFloat32(tensor));
  await assert.rejects(applyDelta(base, changed(delta, { layers })), /has another shape/);
});

Deno.test("a delta made for another base is refused, naming both hashes", async () => {
  using base = await openOracleCheckpoint("A", "base", "f32");
  using fine = await openOracleCheckpoint("A", "fine", "f32");
  const delta = await extractDelta(base, fine);
  await assert.rejects(applyToCheckpoint(fine, delta), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.ok(error.message.includes(delta.metadata.baseHash!));
    assert.ok(error.message.includes(delta.metadata.fineHash!));
    return true;
  });
  const other = delta.metadata.fineHash!;
  await assert.rejects(applyDelta(base, delta, { baseHash: other }), /was made for another base/);
  await applyDelta(base, delta, { baseHash: delta.metadata.baseHash! });
});

Deno.test("a delta that names its pair as files of version 2 did applies", async () => {
  using base = await openOracleCheckpoint("A", "base", "f32");
  using fine = await openOracleCheckpoint("A", "fine", "f32");
  const delta = await extractDelta(base, fine);
  const [baseHash, fineHash] = [await chainedHash(base), await chainedHash(fine)];
  const old = { ...delta, metadata: { ...delta.metadata, baseHash, fineHash, version: 2 } };
  assert.equal((await applyToCheckpoint(base, old)).base, base);
  await checkMadeFrom(old, fine);
  await assert.rejects(applyToCheckpoint(fine, old), DeltaError);
  await assert.rejects(checkMadeFrom(old, base), DeltaError);
  // Hashes of two kinds do not tell that the bases are two.
  await assert.rejects(
    applyDelta(base, old, { baseHash: await base.hash() }),
    /names its base by another kind of hash than 'base_f32' is given by.*applyToCheckpoint/,
  );
});

Deno.test("a delta of another shape than its base is refused, naming the tensor and both shapes", async () => {
  using base = await openOracleCheckpoint("A", "base", "f32");
  using fine = await openOracleCheckpoint("A", "fine", "f32");
  const delta = await extractDelta(base, fine);
  const name = "model.layers.1.mlp.up_proj";
  const refusal = async (other: Partial<MemoryDelta>, message: RegExp) => {
    await assert.rejects(applyDelta(base, changed(delta, other)), (error) => {
      assert.ok(error instanceof DeltaError);
      assert.match(error.message, message);
      return true;
    });
  };
  const without = new Map(delta.layers);
  without.delete(name);
  await refusal({ layers: without }, /up_proj': is missing from the delta; expected \[160, 64\]/);
  const narrow = { ...delta.layers.get(name)!, shape: [160, 60] as [number, number] };
  const narrower = new Map(delta.layers).set(name, narrow);
  await refusal(
    { layers: narrower },
    /up_proj'.*'base_f32': got \[160, 60\]; expected \[160, 64\]/,
  );
  await refusal({ whole: new Map() }, /'model\.embed_tokens\.weight': is missing/);
  const norm = { dtype: "F32", shape: [63], bytes: new Uint8Array(252) } as const;
  const whole = new Map(delta.whole).set("model.norm.weight", norm);
  await refusal({ whole }, /'model\.norm\.weight'.*got \[63\]; expected \[64\]/);
});

Deno.test("names that the base's configuration has not are refused, masks and whole ones", async () => {
  using base = await openOracleCheckpoint("A", "base", "f32");
  using fine = await openOracleCheckpoint("A", "fine", "f32");
  const delta = await extractDelta(base, fine);
  const [first] = delta.layers.values();
  const norm = delta.whole.get("model.norm.weight")!;
  const masks = ["model.layers.99.mlp.up_proj", "model.layers.0.mlp.router", "lm_head"];
  for (const name of masks) {
    const layers = new Map(delta.layers).set(name, first);
    await assert.rejects(applyDelta(base, changed(delta, { layers })), (error) => {
      assert.ok(error instanceof DeltaError);
      return error.fault.tensor === name;
    });
  }
  const tensors = ["model.layers.0.self_attn.q_proj.weight", "model.norm.bias", "lm_head.bias"];
  for (const name of tensors) {
    const whole = new Map(delta.whole).set(name, norm);
    await assert.rejects(applyDelta(base, changed(delta, { whole })), (error) => {
      assert.ok(error instanceof DeltaError);
      return error.fault.tensor === name;
    });
  }
  const whole = new Map(delta.whole).set("model.norm.weight", { ...norm, dtype: "I32" });
  await assert.rejects(
    applyDelta(base, changed(delta, { whole })),
    /norm\.weight': cannot be weights.*'I32'/,
  );
});

Deno.test("a head in a delta for tied embeddings is their copy, or the fine-tune's own", async () => {
  await using folder = await temporaryFolder();
  using pair = await openTinyPair(folder.path, { ...TINY_CONFIG, tiedEmbeddings: true });
  const delta = await extractDelta(pair.base, pair.fine);
  const embedding = delta.whole.get("model.embed_tokens.weight")!;
  const withHead = (head: typeof embedding) =>
    changed(delta, { whole: new Map(delta.whole).set("lm_head.weight", head) });
  const applied = await applyDelta(
    pair.base,
    withHead({ ...embedding, bytes: embedding.bytes.slice() }),
  );
  assert.deepEqual(await applied.readFloat32("lm_head.weight"), toFloat32(embedding));
  const other = embedding.bytes.slice();
  other[0] ^= 1;
  const untied = await applyDelta(pair.base, withHead({ ...embedding, bytes: other }));
  assert.deepEqual([applied.config.tiedEmbeddings, untied.config.tiedEmbeddings], [true, false]);
  const head = toFloat32({ ...embedding, bytes: other });
  assert.deepEqual(await untied.readFloat32("lm_head.weight"), head);
  assert.deepEqual(await untied.readFloat32("model.embed_tokens.weight"), toFloat32(embedding));
});

Deno.test("a scale whose sum with the base is beyond 32-bit floats is named with its tensor", async () => {
  await using folder = await temporaryFolder();
  using pair = await openTinyPair(folder.path);
  const delta = await extractDelta(pair.base, pair.fine);
  const name = "model.layers.1.mlp.up_proj";
  const largest = Math.fround(3.4028234e38);
  const layers = new Map(delta.layers).set(name, withScale(delta.layers.get(name)!, largest));
  const base = tinySource(TINY_CONFIG, 1, (_, values) => values.fill(1e38));
  const applied = await applyDelta(base, changed(delta, { layers }));
  await assert.rejects(applied.readFloat32(`${name}.weight`), (error) => {
    assert.ok(error instanceof DivergenceError);
    return error.fault.tensor === `${name}.weight` && /got '-?Infinity'/.test(error.message);
  });
});

Deno.test("a delta made from another fine-tune is refused, naming both hashes", async () => {
  using base = await openOracleCheckpoint("A", "base", "f32");
  using fine = await openOracleCheckpoint("A", "fine", "f32");
  const delta = await extractDelta(base, fine);
  await checkMadeFrom(delta, fine);
  await checkMadeFrom(changed(delta, { metadata: { ...delta.metadata, fineHash: null } }), base);
  await assert.rejects(checkMadeFrom(delta, base), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.ok(error.message.includes(delta.metadata.baseHash!));
    return error.message.includes(`${delta.metadata.fineHash!}, which the delta names`);
  });
});
