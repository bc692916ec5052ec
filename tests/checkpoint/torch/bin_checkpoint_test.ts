import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { CheckpointError, TorchError } from "../../../lib/util/errors.ts";
import { assertRefused, type Named, tensorsOf } from "../changed_folder.ts";
import { extractDelta } from "../../methods/extract.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../tiny_checkpoint.ts";
import { plainTorch, type SaveKind } from "./plain_torch.ts";

const WHOLE = "pytorch_model.bin";
const INDEX = "pytorch_model.bin.index.json";

/** As older checkpoints have it: a table of rotary positions in each layer. */
const TABLE: Named = {
  name: "model.layers.0.self_attn.rotary_emb.inv_freq",
  dtype: "F32",
  shape: [3],
  bytes: new Uint8Array(12),
};

/** Puts a folder's weights into PyTorch's files instead. */
async function toTorch(directory: string, shards: number, kind: SaveKind = {}): Promise<void> {
  const whole = join(directory, "model.safetensors");
  const tensors = [...await tensorsOf(whole), TABLE];
  await Deno.remove(whole);
  if (shards === 1) return await Deno.writeFile(join(directory, WHOLE), plainTorch(tensors, kind));
  const places: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const name = `pytorch_model-0000${shard + 1}-of-0000${shards}.bin`;
    const part = tensors.filter((_, index) => index % shards === shard);
    await Deno.writeFile(join(directory, name), plainTorch(part, kind));
    for (const tensor of part) places[tensor.name] = name;
  }
  const index = JSON.stringify({ metadata: { total_size: 1 }, weight_map: places });
  await Deno.writeTextFile(join(directory, INDEX), index);
}

const KINDS: readonly (SaveKind & { readonly shards: number })[] = [
  { shards: 1, isOrdered: true },
  { shards: 3, zip64: true, descriptors: true },
  { shards: 2, deflated: true, protocol: 4 },
];

for (const { shards, ...kind } of KINDS) {
  const name = `${shards} file${shards > 1 ? "s" : ""}${kind.deflated ? ", deflated" : ""}`;
  Deno.test(`a checkpoint in PyTorch's own format has the hash and weights of one in safetensors: ${name}`, async () => {
    for (const config of [TINY_CONFIG, { ...TINY_CONFIG, tiedEmbeddings: true }]) {
      await using folders = new AsyncDisposableStack();
      const [safe, torch] = [
        folders.use(await temporaryFolder()).path,
        folders.use(await temporaryFolder()).path,
      ];
      for (const each of [safe, torch]) await saveTiny(each, { config });
      await toTorch(torch, shards, kind);
      using expected = await Checkpoint.open(safe);
      using found = await Checkpoint.open(torch);
      assert.equal(await found.hash(), await expected.hash());
      for (const tensor of ["model.embed_tokens.weight", "model.layers.1.mlp.up_proj.weight"]) {
        assert.deepEqual(await found.readFloat32(tensor), await expected.readFloat32(tensor));
        assert.deepEqual(await found.read(tensor), await expected.read(tensor));
      }
    }
  });
}

Deno.test("where there are both formats safetensors counts", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path, { seed: 1 });
  const kept = await Deno.readFile(join(folder.path, "model.safetensors"));
  await toTorch(folder.path, 1);
  await Deno.writeFile(join(folder.path, "model.safetensors"), kept);
  await Deno.writeTextFile(join(folder.path, WHOLE), "not even a file of torch");
  (await Checkpoint.open(folder.path)).close();
});

Deno.test("a folder of PyTorch's files that do not go together is refused", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await toTorch(folder.path, 2);
  const [first, second] = [1, 2].map((shard) => `pytorch_model-0000${shard}-of-00002.bin`);
  const index = JSON.parse(await Deno.readTextFile(join(folder.path, INDEX)));
  const swapped = Object.entries(index.weight_map).map(([name, file]) => [
    name,
    file === first ? second : first,
  ]);
  const places = { weight_map: Object.fromEntries(swapped) };
  await Deno.writeTextFile(join(folder.path, INDEX), JSON.stringify(places));
  const mismatch =
    /-of-00002\.bin', .* is not in the shard that 'pytorch_model\.bin\.index\.json' names/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, mismatch);
  await Deno.writeTextFile(join(folder.path, INDEX), JSON.stringify(index));
  await Deno.writeTextFile(join(folder.path, second), "version https://git-lfs.github.com/spec/v1");
  const pointer = /00002-of-00002\.bin': is a pointer of Git LFS .* `git lfs pull`/;
  await assertRefused(Checkpoint.open(folder.path), TorchError, pointer);
  await Deno.remove(join(folder.path, second));
  await assertRefused(
    Checkpoint.open(folder.path),
    TorchError,
    /00002-of-00002\.bin': cannot be read/,
  );
});

Deno.test("a pair in PyTorch's own format gives the delta of the same pair in safetensors", async () => {
  await using folders = new AsyncDisposableStack();
  const made: string[] = [];
  for (const seed of [1, 2, 1, 2]) {
    const folder = folders.use(await temporaryFolder()).path;
    await saveTiny(folder, { seed, dtype: "BF16" });
    made.push(folder);
  }
  await toTorch(made[2], 1);
  await toTorch(made[3], 2, { deflated: true });
  using checkpoints = new DisposableStack();
  const [base, fine, torchBase, torchFine] = await Promise.all(
    made.map(async (folder) => checkpoints.use(await Checkpoint.open(folder))),
  );
  const contents = async (base: Checkpoint, fine: Checkpoint) => {
    const { layers, whole, metadata } = await extractDelta(base, fine);
    return [layers, whole, metadata.baseHash, metadata.fineHash];
  };
  const expected = await contents(base, fine);
  assert.deepEqual(await contents(torchBase, torchFine), expected);
  assert.deepEqual(await contents(base, torchFine), expected);
});
