import assert from "node:assert/strict";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import {
  compareLinearLayers,
  layerIndex,
  layerPrefix,
  linearLayerNames,
  linearShape,
  nameInLayer,
  storedTensor,
  tensorNames,
  tensorShape,
  weightBytes,
  wholeTensorNames,
} from "../../lib/checkpoint/weights.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { openOracleCheckpoint } from "../oracle.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

Deno.test("names and shapes are those of a checkpoint written elsewhere", async () => {
  using checkpoint = await openOracleCheckpoint("B", "base", "f32");
  const { config } = checkpoint;
  assert.deepEqual(linearLayerNames(config).slice(6, 8), [
    "model.layers.0.mlp.down_proj",
    "model.layers.1.self_attn.q_proj",
  ]);
  for (const tensor of tensorNames(config)) {
    assert.deepEqual(tensorShape(config, tensor), checkpoint.info(tensor).shape, tensor);
  }
  assert.deepEqual(linearShape(config, "model.layers.1.self_attn.k_proj"), [24, 96]);
});

Deno.test("linear layers and whole tensors make up a checkpoint", () => {
  const linear = linearLayerNames(TINY_CONFIG).map((layer) => `${layer}.weight`);
  const whole = wholeTensorNames(TINY_CONFIG);
  assert.equal(linear.length, 14);
  assert.equal(whole.length, 7);
  assert.deepEqual(new Set([...linear, ...whole]), new Set(tensorNames(TINY_CONFIG)));
});

Deno.test("tied embeddings have no head of their own", () => {
  const tied = { ...TINY_CONFIG, tiedEmbeddings: true };
  assert.ok(!tensorNames(tied).includes("lm_head.weight"));
  assert.equal(storedTensor(tied, "lm_head.weight"), "model.embed_tokens.weight");
  assert.equal(storedTensor(TINY_CONFIG, "lm_head.weight"), "lm_head.weight");
});

Deno.test("linear layers sort into the order of the forward pass", () => {
  const names = linearLayerNames({ ...TINY_CONFIG, layerCount: 12 });
  const shuffled = new SeededRandom(1).shuffle(names);
  assert.notDeepEqual(shuffled, names);
  assert.deepEqual(shuffled.sort(compareLinearLayers), names);
});

Deno.test("what is not a linear layer has no linear shape", () => {
  assert.throws(
    () => linearShape(TINY_CONFIG, "model.norm"),
    /'model\.norm' is not a linear layer/,
  );
});

for (const dtype of ["F32", "BF16", "F16"] as const) {
  for (const tiedEmbeddings of [false, true]) {
    Deno.test(`weights of ${dtype} take what the file's data takes, tied: ${tiedEmbeddings}`, async () => {
      await using folder = await temporaryFolder();
      await saveTiny(folder.path, { dtype, config: { ...TINY_CONFIG, tiedEmbeddings } });
      using checkpoint = await Checkpoint.open(folder.path);
      const file = await Deno.readFile(`${folder.path}/model.safetensors`);
      const headerLength = Number(new DataView(file.buffer).getBigUint64(0, true));
      assert.equal(weightBytes(checkpoint), file.length - 8 - headerLength);
    });
  }
}

Deno.test("what one decoder layer has, another has under a name of its own", () => {
  for (const tensor of tensorNames(TINY_CONFIG).filter((name) => name.startsWith(layerPrefix(0)))) {
    const other = nameInLayer(tensor, 12);
    assert.ok(other.startsWith("model.layers.12."));
    assert.equal(nameInLayer(other, 0), tensor);
  }
  assert.equal(nameInLayer("model.layers.3.mlp.up_proj", 10), "model.layers.10.mlp.up_proj");
  assert.equal(
    nameInLayer("model.layers.3.mlp.up_proj.1.mask", 0),
    "model.layers.0.mlp.up_proj.1.mask",
  );
  for (const outside of ["model.norm.weight", "lm_head.weight", "model.embed_tokens.weight"]) {
    assert.equal(nameInLayer(outside, 1), outside);
  }
  assert.deepEqual(linearLayerNames(TINY_CONFIG).map(layerIndex).toSorted(), [
    ...new Array(7).fill(0),
    ...new Array(7).fill(1),
  ]);
});
