import { join } from "node:path";
import assert from "node:assert/strict";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { CheckpointError, TensorFileError } from "../../lib/util/errors.ts";
import { assertRefused, type Named, renameType, rewrite } from "./changed_folder.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

function vector(name: string, dtype: Named["dtype"] = "F32"): Named {
  return { name, dtype, shape: [1], bytes: new Uint8Array(dtype === "U8" ? 1 : 4).fill(1) };
}

/** Parts of a decoder that transformers leaves out with no more than a warning, or uses. */
const parts = [
  "model.layers.0.self_attn.q_proj.bias",
  "model.layers.1.self_attn.o_proj.bias",
  "model.layers.0.mlp.down_proj.bias",
  "model.layers.0.self_attn.q_norm.weight",
  "model.layers.1.pre_feedforward_layernorm.weight",
  "model.layers.0.input_layernorm.bias",
  "model.layers.2.input_layernorm.weight",
  "model.layers.0.self_attn.q_proj.weight_scale",
  "model.layers.0.mlp.up_proj.lora_A.weight",
  "model.layers.0.mlp.up_proj.lora_B.default.weight",
  "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector",
  "layers.0.mlp.up_proj.weight",
  "model.norm.bias",
  "model.embed_tokens.lora_embedding_A",
  "lm_head.bias",
];
for (const name of parts) {
  Deno.test(`a checkpoint with ${name} is refused`, async () => {
    await using folder = await temporaryFolder();
    await saveTiny(folder.path);
    await rewrite(folder.path, (tensors) => [...tensors, vector(name)]);
    await assert.rejects(Checkpoint.open(folder.path), (error) => {
      assert.ok(error instanceof CheckpointError, String(error));
      const place = `file '${join(folder.path, "model.safetensors")}', tensor '${name}': `;
      assert.ok(error.message.startsWith(`${place}is a part of the decoder`), error.message);
      assert.match(error.message, /expected the weights of a LlamaForCausalLM with 2 layers alone/);
      return true;
    });
  });
}

Deno.test("tables of rotary positions, and what belongs to no part of the decoder, is passed over", async () => {
  await using folder = await temporaryFolder();
  using plain = await Checkpoint.open(await saveTiny(folder.path));
  const hash = await plain.hash();
  await rewrite(folder.path, (tensors) => [
    ...tensors,
    vector("model.layers.0.self_attn.rotary_emb.inv_freq"),
    vector("model.rotary_emb.inv_freq"),
    vector("vision_tower.layers.0.q_proj.bias"),
    vector("v_head.summary.weight"),
    vector("extra", "U8"),
  ]);
  await renameType(join(folder.path, "model.safetensors"), "U8", "F4");
  using checkpoint = await Checkpoint.open(folder.path);
  assert.equal(await checkpoint.hash(), hash);
});

Deno.test("a weight of a type that is not known is refused, with its type", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await renameType(join(folder.path, "model.safetensors"), "F32", "F4");
  const message = /tensor 'model\.embed_tokens\.weight': has an unknown dtype: got 'F4'/;
  await assertRefused(Checkpoint.open(folder.path), TensorFileError, message);
});

Deno.test("a head beside the embedding that it is tied to is the same, or refused", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path, { config: { ...TINY_CONFIG, tiedEmbeddings: true } });
  using tied = await Checkpoint.open(folder.path);
  const hash = await tied.hash();
  const withHead = (change: (bytes: Uint8Array) => void) =>
    rewrite(folder.path, (tensors) => {
      const embedding = tensors.find(({ name }) => name === "model.embed_tokens.weight")!;
      const bytes = embedding.bytes.slice();
      change(bytes);
      return [
        ...tensors.filter(({ name }) => name !== "lm_head.weight"),
        { ...embedding, name: "lm_head.weight", bytes },
      ];
    });
  await withHead(() => {});
  using same = await Checkpoint.open(folder.path);
  assert.equal(await same.hash(), hash);
  for (const at of [0, -1]) {
    await withHead((bytes) => bytes[(bytes.length + at) % bytes.length] ^= 1);
    const message =
      /tensor 'lm_head\.weight': is another than the embedding.*tie_word_embeddings: false/;
    await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
  }
  const path = join(folder.path, "config.json");
  const config = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...config, tie_word_embeddings: false }));
  using untied = await Checkpoint.open(folder.path);
  assert.notDeepEqual(
    await untied.readFloat32("lm_head.weight"),
    await untied.readFloat32("model.embed_tokens.weight"),
  );
});

Deno.test("a tied head of another type or shape is refused", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path, { config: { ...TINY_CONFIG, tiedEmbeddings: true } });
  await rewrite(folder.path, (tensors) => [...tensors, vector("lm_head.weight")]);
  await assertRefused(
    Checkpoint.open(folder.path),
    CheckpointError,
    /'lm_head\.weight': is another/,
  );
});

Deno.test("a tied head of a type that is not known is refused as another", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path, { config: { ...TINY_CONFIG, tiedEmbeddings: true } });
  await rewrite(folder.path, (tensors) => [...tensors, vector("lm_head.weight", "U8")]);
  await renameType(join(folder.path, "model.safetensors"), "U8", "F4");
  const message = /'lm_head\.weight': is another than the embedding/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
});

Deno.test("a folder with an adapter is refused, with or without weights beside it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "adapter_config.json");
  const message = /adapter_config\.json': adds an adapter.*expected a checkpoint.*merged/;
  await Deno.writeTextFile(path, "{}");
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
  await Deno.remove(path);
  await saveTiny(folder.path);
  await Deno.writeTextFile(path, "{}");
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
});
