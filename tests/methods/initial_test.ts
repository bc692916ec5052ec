import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { wholeTensorNames } from "../../lib/checkpoint/weights.ts";
import { readDeltaMatrix } from "../../lib/delta/difference.ts";
import { extractDelta } from "./extract.ts";
import { packSigns } from "../../lib/codecs/signs.ts";
import { CheckpointError } from "../../lib/util/errors.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import {
  openOracleCheckpoint,
  openOracleVectors,
  ORACLE_KINDS,
  ORACLE_PAIRS,
  oracleVectors,
} from "../oracle.ts";
import { maskOf, scalesOf } from "../delta/signs_of_layers.ts";

for (const pair of ORACLE_PAIRS) {
  for (const kind of ORACLE_KINDS) {
    Deno.test(`the masks of oracle ${pair} in ${kind} are the study's, every bit`, async () => {
      using base = await openOracleCheckpoint(pair, "base", kind);
      using fine = await openOracleCheckpoint(pair, "fine", kind);
      using expected = await openOracleVectors(pair);
      const layers = (await oracleVectors(pair)).pairs[kind];
      const delta = await extractDelta(base, fine);
      assert.deepEqual(new Set(delta.layers.keys()), new Set(Object.keys(layers)));
      for (const [name, layer] of delta.layers) {
        const bytes = new Uint8Array(maskOf(layer).buffer);
        assert.deepEqual(layer.shape, layers[name].shape_out_in);
        assert.deepEqual(bytes, (await expected.read(`mask.${kind}.${name}`)).bytes);
        assert.equal(createHash("sha256").update(bytes).digest("hex"), layers[name].mask_sha256);
      }
    });

    Deno.test(`the scales of oracle ${pair} in ${kind} are the study's`, async () => {
      using base = await openOracleCheckpoint(pair, "base", kind);
      using fine = await openOracleCheckpoint(pair, "fine", kind);
      const layers = (await oracleVectors(pair)).pairs[kind];
      const delta = await extractDelta(base, fine);
      for (const [name, scale] of await scalesOf(delta)) {
        for (const expected of [layers[name].coeff_mean_abs, layers[name].coeff_mean_abs_f64]) {
          assert.ok(Math.abs(scale / expected - 1) < 1e-6, `${name}: ${scale}, not ${expected}`);
        }
      }
    });

    Deno.test(`the delta matrices of oracle ${pair} in ${kind} have the study's zeros`, async () => {
      using base = await openOracleCheckpoint(pair, "base", kind);
      using fine = await openOracleCheckpoint(pair, "fine", kind);
      for (const [name, layer] of Object.entries((await oracleVectors(pair)).pairs[kind])) {
        const delta = await readDeltaMatrix(base, fine, name);
        assert.equal(delta.filter((value) => value === 0).length, layer.zeros_in_delta);
        const mean = delta.reduce((sum, value) => sum + Math.abs(value), 0) / delta.length;
        assert.ok(Math.abs(mean / layer.coeff_mean_abs_f64 - 1) < 1e-9);
        const mask = new Uint8Array(packSigns(delta, layer.shape_out_in).buffer);
        assert.equal(createHash("sha256").update(mask).digest("hex"), layer.mask_sha256);
      }
    });
  }
}

Deno.test("a delta keeps every other tensor whole, in its own type, and names its pair", async () => {
  using base = await openOracleCheckpoint("A", "base", "bf16");
  using fine = await openOracleCheckpoint("A", "fine", "bf16");
  const { whole, metadata } = await extractDelta(base, fine);
  assert.deepEqual([...whole.keys()], wholeTensorNames(fine.config));
  for (const [name, tensor] of whole) assert.deepEqual(tensor, await fine.read(name));
  assert.deepEqual(metadata, {
    method: "initial",
    settings: {},
    baseHash: await base.hash(),
    fineHash: await fine.hash(),
    version: 4,
  });
});

Deno.test("a pair of two types is subtracted in float32", async () => {
  using base = await openOracleCheckpoint("A", "base", "bf16");
  using fine = await openOracleCheckpoint("A", "fine", "f32");
  const layer = "model.layers.1.mlp.up_proj";
  const delta = await readDeltaMatrix(base, fine, layer);
  const fineWeights = await fine.readFloat32(`${layer}.weight`);
  const baseWeights = await base.readFloat32(`${layer}.weight`);
  assert.deepEqual(delta, fineWeights.map((value, i) => value - baseWeights[i]));
  const extracted = (await extractDelta(base, fine)).layers.get(layer)!;
  assert.deepEqual(maskOf(extracted), packSigns(delta, extracted.shape));
});

Deno.test("extraction refuses a pair that does not match", async () => {
  using base = await openOracleCheckpoint("A", "base", "f32");
  using fine = await openOracleCheckpoint("B", "fine", "f32");
  await assert.rejects(extractDelta(base, fine), /'architectures'.*differs/);
});

const layer = "model.layers.1.self_attn.v_proj.weight";
const faults: [name: string, role: "base" | "fine", tensor: string, value: number][] = [
  ["a NaN in the base", "base", layer, NaN],
  ["a NaN in the fine-tune", "fine", layer, NaN],
  ["an infinity in the base", "base", layer, -Infinity],
  ["a NaN in a whole tensor", "fine", "model.norm.weight", NaN],
];
for (const [name, role, tensor, value] of faults) {
  Deno.test(`extraction names the file, tensor and element of ${name}`, async () => {
    await using folder = await temporaryFolder();
    const change = (name: string, values: Float32Array) => {
      if (name === tensor) values[5] = value;
    };
    const open = async (name: "base" | "fine", seed: number) =>
      await Checkpoint.open(
        await saveTiny(join(folder.path, name), {
          seed,
          dtype: "BF16",
          change: name === role ? change : undefined,
        }),
      );
    using base = await open("base", 1);
    using fine = await open("fine", 2);
    await assert.rejects(extractDelta(base, fine), (error) => {
      assert.ok(error instanceof CheckpointError);
      assert.match(error.message, new RegExp(`${role}/model\\.safetensors`));
      assert.ok(error.message.includes(`'${tensor}': element 5 is not finite: got ${value}`));
      return true;
    });
  });
}

Deno.test("finite weights that are too far apart for their type are refused", async () => {
  await using folder = await temporaryFolder();
  const fill = (value: number) => (_: string, values: Float32Array) => void values.fill(value);
  const directory = (name: string) => join(folder.path, name);
  using base = await Checkpoint.open(await saveTiny(directory("base"), { change: fill(-3e38) }));
  using fine = await Checkpoint.open(await saveTiny(directory("fine"), { change: fill(3e38) }));
  await assert.rejects(extractDelta(base, fine), (error) => {
    assert.ok(error instanceof CheckpointError);
    assert.match(error.message, /q_proj\.weight'.*more than its type can hold: got Infinity.*F32/);
    return true;
  });
});

Deno.test("extraction tells how far it is and stops when asked", async () => {
  await using folder = await temporaryFolder();
  using base = await Checkpoint.open(await saveTiny(join(folder.path, "base"), { seed: 1 }));
  using fine = await Checkpoint.open(await saveTiny(join(folder.path, "fine"), { seed: 2 }));
  const reports: Progress[] = [];
  await extractDelta(base, fine, { onProgress: (report) => reports.push(report) });
  const steps = 7 * TINY_CONFIG.layerCount;
  assert.deepEqual(reports.map(({ done }) => done), Array.from({ length: steps }, (_, i) => i + 1));
  assert.ok(reports.every(({ total }) => total === steps));
  assert.equal(reports.at(-1)!.label, "model.layers.1.mlp.down_proj");
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(extractDelta(base, fine, { signal }), /enough/);
});
