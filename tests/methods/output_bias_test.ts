/** Biases of compressed layers: against plain double precision, by KL, in files and checkpoints, and refused. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { EMBEDDING, linearLayerNames, linearShape } from "../../lib/checkpoint/weights.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { deltaFileSize } from "../../lib/delta/delta_file_size.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { divergences } from "../../lib/methods/choosing.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import { compress, compressToFile } from "../../lib/methods/compress.ts";
import { OptionError } from "../../lib/util/errors.ts";
import { temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { engine } from "./oracle_pair.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";

const sequences = randomSequences([6, 6, 6, 6, 6], 6, TINY_CONFIG.vocabularySize, 3);
const settings = { rows: 30, bias: true };

/** A fine-tune that is near to its base, and embeddings that all point one way: the mean of inputs is most of them. */
function nearPair(): Promise<TinyPair> {
  const ofBase = new Map<string, Float32Array>();
  return tinyPair({
    base(tensor, values) {
      if (tensor === EMBEDDING) values.forEach((value, at) => values[at] = value + 0.5);
      ofBase.set(tensor, values.slice());
    },
    fine(tensor, values) {
      const before = ofBase.get(tensor)!;
      values.forEach((value, at) => values[at] = before[at] + 0.1 * value);
    },
  });
}

Deno.test("the first layer's bias is (Δ − Δ̂)μ in double precision, of either kind of inputs", async () => {
  await using pair = await nearPair();
  const { base, fine } = pair;
  const layer = "model.layers.0.self_attn.q_proj";
  const [embedding, norm] = [
    await fine.readFloat32(EMBEDDING),
    await fine.readFloat32("model.layers.0.input_layernorm.weight"),
  ];
  const width = norm.length;
  const mean = new Float64Array(width);
  for (const token of sequences.tokens) {
    const row = embedding.slice(token * width, (token + 1) * width);
    const square = row.reduce((sum, each) => sum + each * each, 0) / width;
    row.forEach((each, at) => {
      mean[at] += each * norm[at] / Math.sqrt(square + TINY_CONFIG.normEpsilon) /
        sequences.tokens.length;
    });
  }
  for (const [method, sequential] of [["refined-signs", true], ["row-column", false]] as const) {
    const choice = { method, settings: { ...settings, sequential } };
    const { delta } = await compress(engine, base, fine, choice, sequences);
    const model = await applyDelta(base, delta);
    const found = await model.readFloat32(`${layer}.bias`);
    const [made, aim] = [
      await model.readFloat32(`${layer}.weight`),
      await fine.readFloat32(`${layer}.weight`),
    ];
    for (const [row, bias] of found.entries()) {
      const expected = mean.reduce(
        (sum, each, at) => sum + each * (aim[row * width + at] - made[row * width + at]),
        0,
      );
      assert.ok(
        Math.abs(bias - expected) < 1e-3 * Math.abs(expected) + 1e-5,
        `${bias} ${expected}`,
      );
    }
  }
});

Deno.test("with biases a model is nearer to its fine-tune by KL, where the mean of inputs is most of them", async () => {
  await using pair = await nearPair();
  const { base, fine } = pair;
  for (const method of ["row-column", "refined-signs"]) {
    const kls: number[] = [];
    for (const bias of [false, true]) {
      const choice = { method, settings: { ...settings, bias } };
      const made = await compress(engine, base, fine, choice, sequences);
      const open = () => Promise.resolve(made);
      kls.push(...await divergences(engine, base, fine, sequences, [open], {}));
    }
    assert.ok(kls[1] < kls[0], `${method}: ${kls}`);
  }
});

Deno.test("biases go into the file that was planned and into a checkpoint that says it has them", async () => {
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const { base, fine } = pair;
  const choice = { method: "double-binary", settings };
  const path = join(folder.path, "delta.safetensors");
  using delta = (await compressToFile(path, engine, base, fine, choice, sequences)).delta;
  const { bytes } = deltaFileSize(delta);
  const outputs = linearLayerNames(fine.config)
    .reduce((sum, layer) => sum + linearShape(fine.config, layer)[0], 0);
  assert.equal(bytes.biases, 2 * outputs);
  assert.equal(bytes.total, (await Deno.stat(path)).size);
  assert.equal(deltaFileSize(planDelta(fine, choice)).bytes.biases, bytes.biases);
  const model = await applyDelta(base, delta);
  const saved = join(folder.path, "saved");
  await saveCheckpoint(saved, model, { dtype: "F32" });
  const config = JSON.parse(await Deno.readTextFile(join(saved, "config.json")));
  assert.deepEqual([config.attention_bias, config.mlp_bias], [true, true]);
  using again = await Checkpoint.open(saved);
  for (const layer of linearLayerNames(fine.config)) {
    const tensor = `${layer}.bias`;
    assert.deepEqual(await again.readFloat32(tensor), await model.readFloat32(tensor), tensor);
  }
});

Deno.test("biases are refused where no field of a configuration says so, and for a run that is kept", async () => {
  for (const architecture of ["MistralForCausalLM", "Qwen3ForCausalLM"] as const) {
    const queryKeyNorms = architecture === "Qwen3ForCausalLM"
      ? { queryKeyNorms: true } as const
      : {};
    await using pair = await tinyPair({}, { ...TINY_CONFIG, architecture, ...queryKeyNorms });
    const choice = { method: "row-column", settings };
    await assert.rejects(compress(engine, pair.base, pair.fine, choice, sequences), (error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, new RegExp(`bias.*${architecture}|${architecture}.*bias`));
      return true;
    });
  }
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const state = join(folder.path, "state");
  const choice = { method: "row-column", settings };
  await assert.rejects(
    compressToFile(join(folder.path, "x"), engine, pair.base, pair.fine, choice, sequences, {
      state,
    }),
    /is not for method/,
  );
});
