/** LoRA adapters of pairs whose difference was made of two thin matrices, read back by their bytes alone. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../../lib/checkpoint/config.ts";
import { saveCheckpoint } from "../../../lib/checkpoint/save.ts";
import type { FloatType } from "../../../lib/checkpoint/tensor.ts";
import { linearLayerNames, linearShape } from "../../../lib/checkpoint/weights.ts";
import { saveLora, type SaveLoraOptions } from "../../../lib/delta/lora/save_lora.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { CheckpointError, DeltaError } from "../../../lib/util/errors.ts";
import { SeededRandom } from "../../../lib/util/random.ts";
import {
  filesIn,
  temporaryFolder,
  TINY_CONFIG,
  tinySource,
} from "../../checkpoint/tiny_checkpoint.ts";
import { LoopbackHub } from "../../hub/loopback_hub.ts";
import { useHub } from "../../../lib/checkpoint/hub/mod.ts";
import { plainRound } from "../../checkpoint/plain_floats.ts";

const engine = onnxEngine({ threads: 1 });

const CONFIG: DecoderConfig = {
  ...TINY_CONFIG,
  hiddenSize: 96,
  intermediateSize: 160,
  headCount: 4,
  keyValueHeadCount: 2,
  headSize: 24,
  layerCount: 1,
};

interface Planted {
  readonly dtype?: FloatType;
  /** Rank of the difference of a layer; 0: none. */
  readonly rankOf?: (layer: string) => number;
  /** Size of the difference's elements beside weights of 0.02. */
  readonly size?: number;
  /** Changes other tensors of the fine-tune. */
  readonly change?: (tensor: string, values: Float32Array) => void;
  readonly config?: DecoderConfig;
}

/** A pair of which the fine-tune is the base with B·A added in double precision and rounded once. */
async function plantedPair(
  folder: string,
  { dtype = "F32", rankOf = () => 3, size = 1e-3, change = () => {}, config = CONFIG }: Planted,
) {
  const weights = (values: Float32Array) => {
    values.forEach((value, index) => {
      const scaled = 0.02 * value;
      values[index] = dtype === "F32" ? scaled : plainRound(scaled, dtype);
    });
  };
  const random = new SeededRandom(8);
  const matrix = (count: number) => Float64Array.from({ length: count }, () => random.normal());
  const add = (tensor: string, values: Float32Array) => {
    weights(values);
    const layer = tensor.replace(/\.weight$/, "");
    if (!linearLayerNames(config).includes(layer)) return change(tensor, values);
    const [rank, [outSize, inSize]] = [rankOf(layer), linearShape(config, layer)];
    const [a, b] = [matrix(rank * inSize), matrix(outSize * rank)];
    for (let o = 0; o < outSize; o++) {
      for (let i = 0; i < inSize; i++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += b[o * rank + r] * a[r * inSize + i];
        values[o * inSize + i] += size * sum / Math.sqrt(rank || 1);
      }
    }
  };
  const at = (name: string) => join(folder, name);
  await saveCheckpoint(at("base"), tinySource(config, 1, (_, values) => weights(values)), {
    dtype,
  });
  await saveCheckpoint(at("fine"), tinySource(config, 1, add), { dtype });
  return { base: at("base"), fine: at("fine"), lora: at("lora") };
}

async function save(
  places: Awaited<ReturnType<typeof plantedPair>>,
  options: SaveLoraOptions = {},
) {
  using base = await Checkpoint.open(places.base);
  using fine = await Checkpoint.open(places.fine);
  return await saveLora(places.lora, engine, base, fine, options);
}

/** The tensors of a safetensors file of float32, as its format says, without this library. */
async function plainTensors(
  path: string,
): Promise<Map<string, { shape: number[]; values: Float32Array }>> {
  const bytes = await Deno.readFile(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  delete header.__metadata__;
  return new Map(
    Object.entries(header as Record<string, { shape: number[]; data_offsets: number[] }>).map(
      ([name, { shape, data_offsets: [begin, end] }]) => {
        const values = new Float32Array(bytes.slice(8 + length + begin, 8 + length + end).buffer);
        return [name, { shape, values }];
      },
    ),
  );
}

/** Largest |W_base + B·A − W_fine| of a layer, with B·A of the adapter's file. */
async function largestError(places: { base: string; fine: string; lora: string }, layer: string) {
  using base = await Checkpoint.open(places.base);
  using fine = await Checkpoint.open(places.fine);
  const tensors = await plainTensors(join(places.lora, "adapter_model.safetensors"));
  const [a, b] = ["A", "B"].map((of) =>
    tensors.get(`base_model.model.${layer}.lora_${of}.weight`)!
  );
  const [w, target] = await Promise.all(
    [base, fine].map((each) => each.readFloat32(`${layer}.weight`)),
  );
  const [rank, inSize] = a.shape;
  assert.deepEqual([b.shape[0], b.shape[1]], [target.length / inSize, rank]);
  let largest = 0;
  target.forEach((value, index) => {
    const [o, i] = [Math.floor(index / inSize), index % inSize];
    let sum = w[index];
    for (let r = 0; r < rank; r++) sum += b.values[o * rank + r] * a.values[r * inSize + i];
    largest = Math.max(largest, Math.abs(sum - value));
  });
  return largest;
}

Deno.test("a difference of exact rank is found with it, to the precision of 32 bits", async () => {
  await using folder = await temporaryFolder();
  const rankOf = (layer: string) =>
    layer.endsWith("q_proj") ? 5 : layer.endsWith("up_proj") ? 40 : 3;
  const places = await plantedPair(folder.path, { rankOf });
  const { layers, whole } = await save(places);
  assert.deepEqual(whole, []);
  assert.deepEqual(
    layers.map(({ name, rank }) => [name, rank]),
    linearLayerNames(CONFIG).map(
      (layer) => [layer, rankOf(layer)],
    ),
  );
  for (const { name, error } of layers) {
    assert.ok(error < 1e-3, `${name}: ${error}`);
    assert.ok(await largestError(places, name) < 3e-8, name);
  }
  assert.deepEqual(filesIn(places.lora), ["adapter_config.json", "adapter_model.safetensors"]);
  const config = JSON.parse(await Deno.readTextFile(join(places.lora, "adapter_config.json")));
  assert.deepEqual([config.peft_type, config.task_type, config.r, config.lora_alpha], [
    "LORA",
    "CAUSAL_LM",
    40,
    40,
  ]);
  // Of one rank in the file, so that programs which scale by α, by each layer's rank, or by r alone agree.
  for (const field of ["rank_pattern", "alpha_pattern"]) assert.ok(!(field in config), field);
  for (
    const [name, { shape, values }] of await plainTensors(
      join(places.lora, "adapter_model.safetensors"),
    )
  ) {
    const isA = name.endsWith("lora_A.weight");
    assert.equal(shape[isA ? 0 : 1], 40, name);
    const used = new Set<number>();
    values.forEach((value, at) => {
      if (value !== 0) used.add(isA ? Math.floor(at / shape[1]) : at % 40);
    });
    const expected = rankOf(name.replace(/\.lora_[AB]\.weight$/, ""));
    assert.deepEqual([...used].sort((a, b) => a - b), [...Array(expected).keys()], name);
  }
  assert.deepEqual(config.target_modules.sort(), [
    ..."down_proj gate_proj k_proj o_proj q_proj up_proj v_proj".split(" "),
  ]);
  assert.equal(config.base_model_name_or_path, places.base);
});

for (const dtype of ["BF16", "F16"] as const) {
  Deno.test(`a difference that was rounded to ${dtype} is found with its rank, what is left is rounding`, async () => {
    await using folder = await temporaryFolder();
    const size = dtype === "BF16" ? 1e-3 : 2e-4;
    const places = await plantedPair(folder.path, { dtype, size });
    const { layers } = await save(places);
    assert.equal(layers.length, 7);
    for (const { name, rank, error, rounding } of layers) {
      assert.equal(rank, 3, name);
      assert.ok(error > 0.7 * rounding && error < 1.2 * rounding, `${name}: ${error}, ${rounding}`);
      // Two spacings at most: one of rounding, and what it moved B·A by.
      const spacing = 0.125 * (dtype === "BF16" ? 2 ** -8 : 2 ** -11);
      assert.ok(await largestError(places, name) < 2 * spacing, name);
    }
  });
}

Deno.test("layers that did not change are not in an adapter, and an embedding that did is there whole", async () => {
  await using folder = await temporaryFolder();
  const change = (tensor: string, values: Float32Array) => {
    if (tensor === "model.embed_tokens.weight") values[3] += 1;
  };
  const rankOf = (layer: string) => layer.endsWith("v_proj") ? 2 : 0;
  const places = await plantedPair(folder.path, {
    rankOf,
    change,
    config: { ...CONFIG, layerCount: 2 },
  });
  // Of the second layer nothing changed either.
  await using hub = LoopbackHub.start({ repositories: { "a/base": { files: places.base } } });
  const cache = join(folder.path, "cache");
  using _ = useHub({ endpoint: hub.endpoint, cache, token: null, offline: null });
  const { layers, whole } = await save({ ...places, base: "hf:a/base" });
  assert.deepEqual(
    layers.map(({ name }) => name),
    [0, 1].map((index) => `model.layers.${index}.self_attn.v_proj`),
  );
  assert.deepEqual(whole, ["model.embed_tokens.weight"]);
  const tensors = await plainTensors(join(places.lora, "adapter_model.safetensors"));
  using fine = await Checkpoint.open(places.fine);
  assert.deepEqual(
    tensors.get("base_model.model.model.embed_tokens.weight")!.values,
    await fine.readFloat32("model.embed_tokens.weight"),
  );
  const config = JSON.parse(await Deno.readTextFile(join(places.lora, "adapter_config.json")));
  assert.deepEqual(config.modules_to_save, ["embed_tokens"]);
  assert.deepEqual(config.target_modules, ["v_proj"]);
  assert.equal(config.base_model_name_or_path, "a/base");
});

Deno.test("a difference of full rank is refused with the rank that it would need", async () => {
  await using folder = await temporaryFolder();
  const rankOf = (layer: string) => layer.endsWith("k_proj") ? 30 : 3;
  const places = await plantedPair(folder.path, { rankOf });
  await assert.rejects(save(places, { mostRank: 12 }), (error) => {
    assert.ok(error instanceof DeltaError);
    const [, needed] =
      /k_proj\.weight': has a difference that is not low-rank: got 'a rank of at least (\d+) would be needed'; expected a rank of at most 12/
        .exec(error.message)!;
    assert.ok(Number(needed) > 12 && Number(needed) <= 30, needed);
    return true;
  });
  assert.deepEqual(filesIn(folder.path), ["base", "fine"]);
  // With what may be left said, a lower rank is enough.
  const { layers } = await save(places, { mostRank: 29, tolerance: 0.5 });
  for (const { error } of layers) assert.ok(error > 0 && error <= 0.5);
});

Deno.test("a difference no larger than rounding has no rank that could be told", async () => {
  await using folder = await temporaryFolder();
  const places = await plantedPair(folder.path, { dtype: "BF16", size: 1e-5 });
  await assert.rejects(save(places), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /differs by no more than the rounding of its type/);
    return true;
  });
});

Deno.test("what an adapter cannot hold is refused by name", async () => {
  const norm = (tensor: string, values: Float32Array) => {
    if (tensor === "model.norm.weight") values[0] += 1;
  };
  const embedding = (tensor: string, values: Float32Array) => {
    if (tensor === "model.embed_tokens.weight") values[0] += 1;
  };
  const tied = { ...CONFIG, tiedEmbeddings: true };
  const cases = [
    [
      { change: norm },
      /'model\.norm\.weight': differs from its base's, which a LoRA adapter cannot/,
    ],
    [
      { change: embedding, rankOf: () => 0 },
      /fine': has its base's linear layers, and PEFT .*got \['model\.embed_tokens\.weight'\]/,
    ],
    [
      { change: embedding, config: tied },
      /'model\.embed_tokens\.weight': is head too, and differs/,
    ],
  ] as const;
  for (const [planted, message] of cases) {
    await using folder = await temporaryFolder();
    const places = await plantedPair(folder.path, planted);
    await assert.rejects(save(places), (error) => {
      assert.ok(error instanceof CheckpointError);
      assert.match(error.message, message);
      return true;
    });
  }
  await using folder = await temporaryFolder();
  const turned = await plantedPair(join(folder.path, "turned"), {});
  const path = join(turned.fine, "config.json");
  const json = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...json, rope_theta: 5e5 }));
  await assert.rejects(
    save(turned),
    /fine': is configured otherwise than its base, which.*rope_theta/,
  );
  const same = await plantedPair(folder.path, { rankOf: () => 0 });
  await assert.rejects(save(same), /Δ = 0 everywhere/);
});
