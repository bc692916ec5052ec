/** Biases and norms of heads in a delta: kept whole, through file, application and a saved checkpoint. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { tensorNames, type WeightSource } from "../../lib/checkpoint/weights.ts";
import { applyToCheckpoint } from "../../lib/delta/apply.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { compress } from "../../lib/methods/compress.ts";
import { EVERYTHING, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { decodeLayer } from "../codecs/decode_layer.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { layerwiseLogits } from "../model/decoder_programs.ts";
import { decoderLogits } from "../model/plain/decoder.ts";
import { randomTokens } from "../model/random_model.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { gpuTest } from "../webgpu/gpu.ts";
import { engine } from "./oracle_pair.ts";
import { tinyPair } from "./tiny_pair.ts";

const shape = { batch: 1, sequence: 11 };
const tokens = randomTokens(TINY_CONFIG, 11, 5);
const sequences = randomSequences([6, 4], 6, TINY_CONFIG.vocabularySize, 3);

const kinds: Record<string, DecoderConfig> = {
  "a Qwen3 with biases and windows by layer": EVERYTHING,
  "a tied Llama with all biases and dynamic positions": {
    ...TINY_CONFIG,
    tiedEmbeddings: true,
    maximumPositions: 8,
    ropeScaling: { type: "dynamic", factor: 2, originalPositions: 8 },
    attentionBias: "qkvo",
    feedForwardBias: true,
  },
};

async function plainWeights(model: WeightSource): Promise<Record<string, Float64Array>> {
  const weights: Record<string, Float64Array> = {};
  for (const name of tensorNames(model.config)) {
    weights[name] = Float64Array.from(await model.readFloat32(name));
  }
  return weights;
}

async function assertCarried(on: Engine, config: DecoderConfig, bound: number): Promise<void> {
  await using pair = await tinyPair({}, config);
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const method = { method: "activation-aware", settings: { rows: 8 } };
  await writeDelta(path, (await compress(on, pair.base, pair.fine, method, sequences)).delta);
  using delta = await openDelta(path);
  // The fine-tune's own tensors, but for the linear layers: those are the base's and what is stored.
  const expected = await plainWeights(pair.fine);
  for (const name of delta.layers.keys()) {
    const base = await pair.base.readFloat32(`${name}.weight`);
    const decoded = decodeLayer(await delta.readLayer(name), base);
    expected[`${name}.weight`] = Float64Array.from(decoded);
  }
  const whole = [...delta.whole.keys()].filter((name) => /\.bias$|[qk]_norm/.test(name));
  assert.equal(whole.length, config.layerCount * (config.queryKeyNorms ? 6 : 7));
  const wanted = decoderLogits(config, expected, Float64Array.from(tokens), shape);
  const applied = await applyToCheckpoint(pair.base, delta);
  const [logits] = await layerwiseLogits(applied, shape, [{ tokens }], undefined, on);
  assertWithin(relativeError(logits, wanted), bound, "applied");
  const saved = join(folder.path, "saved");
  await saveCheckpoint(saved, applied, { dtype: "F32", from: pair.fine.directory });
  using reopened = await Checkpoint.open(saved);
  assert.deepEqual(reopened.config, pair.fine.config);
  const [again] = await layerwiseLogits(reopened, shape, [{ tokens }], undefined, on);
  assertWithin(relativeError(again, wanted), bound, "saved");
}

for (const [name, config] of Object.entries(kinds)) {
  Deno.test(`${name} is the same applied, saved and in plain loops`, async () => {
    await assertCarried(engine, config, 1e-5);
  });

  gpuTest(`${name} is the same on a GPU`, async (gpu) => {
    await assertCarried(gpu, config, 1e-4);
  });
}
