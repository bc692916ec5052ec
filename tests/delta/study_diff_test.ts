import assert from "node:assert/strict";
import { join } from "node:path";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { float32Tensor, type RawTensor, toFloat32, toInt32 } from "../../lib/checkpoint/tensor.ts";
import { TorchFile } from "../../lib/checkpoint/torch/torch_file.ts";
import type { CompressedLayer } from "../../lib/codecs/codec.ts";
import { type Scales, signsTerm, unpackSigns } from "../../lib/codecs/signs.ts";
import { type Delta, loadDelta, memoryDelta } from "../../lib/delta/delta.ts";
import { openDelta, readDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { writeStudyDiff } from "../../lib/delta/study_diff.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { type PlainTensor, plainTorch, type SaveKind } from "../checkpoint/torch/plain_torch.ts";
import { oraclePath } from "../oracle.ts";

const ORIGINAL = oraclePath("A", "diff_orig_distilled.safetensors");

/** What the study's own run saved in its diff.pt, as tensors in Python are. */
async function studyTensors(): Promise<PlainTensor[]> {
  using file = await SafetensorsFile.open(ORIGINAL);
  return await Promise.all([...file.tensors.keys()].map(async (name) => {
    const { dtype, shape, bytes } = await file.read(name);
    const isScale = name.endsWith(".coeff");
    return {
      name,
      dtype,
      // A parameter without sides, as `nn.Parameter(torch.tensor(mean))` is.
      shape: isScale ? [] : shape,
      bytes,
      isParameter: !name.endsWith(".mask"),
    };
  }));
}

async function contentsOf(delta: Delta) {
  const { layers, whole, metadata } = await loadDelta(delta);
  return { layers: [...layers], whole: new Map([...whole].sort()), metadata };
}

const KINDS: readonly (SaveKind & { readonly name: string })[] = [
  { name: "as torch saves it", zip64: true, descriptors: true, folder: "diff" },
  { name: "deflated", deflated: true },
  { name: "protocol 3", protocol: 3, isOrdered: true },
  { name: "protocol 4, deflated", protocol: 4, deflated: true },
  { name: "protocol 5", protocol: 5 },
];

for (const { name, ...kind } of KINDS) {
  Deno.test(`the study's diff.pt is the delta that it is in safetensors: ${name}`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "diff.pt");
    await Deno.writeFile(path, plainTorch(await studyTensors(), kind));
    using found = await openDelta(path);
    using expected = await openDelta(ORIGINAL);
    assert.deepEqual(await contentsOf(found), await contentsOf(expected));
    assert.equal(found.digest, null);
  });
}

Deno.test("a delta goes to diff.pt and back, and to a delta file and back, bit for bit", async () => {
  await using folder = await temporaryFolder();
  const [first, second, third] = ["a.pt", "b.safetensors", "c.pt"]
    .map((name) => join(folder.path, name));
  using original = await openDelta(ORIGINAL);
  await writeStudyDiff(first, original);
  using once = await openDelta(first);
  await writeDelta(second, once);
  using twice = await openDelta(second);
  await writeStudyDiff(third, twice);
  using thrice = await openDelta(third);
  const [expected, ...found] = await Promise.all(
    [original, once, twice, thrice].map(async (delta) => ({
      ...await contentsOf(delta),
      metadata: null,
    })),
  );
  for (const each of found) assert.deepEqual(each, expected);
});

Deno.test("what is written has the names, types, shapes and order of the study's save_diff", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "diff.pt");
  using delta = await openDelta(ORIGINAL);
  await writeStudyDiff(path, delta);
  using file = await TorchFile.open(path);
  using expected = await SafetensorsFile.open(ORIGINAL);
  assert.deepEqual([...file.tensors.keys()].sort(), [...expected.tensors.keys()].sort());
  const names = [...file.tensors.keys()];
  assert.deepEqual(
    names.slice(0, 4),
    ["q", "k"].flatMap((each) => [
      `model.layers.0.self_attn.${each}_proj.mask`,
      `model.layers.0.self_attn.${each}_proj.coeff`,
    ]),
  );
  for (const [name, { dtype, shape }] of file.tensors) {
    const { dtype: as } = expected.place(name);
    assert.equal(dtype, name.endsWith(".mask") ? "I32" : name.endsWith(".coeff") ? "F32" : as);
    if (name.endsWith(".coeff")) assert.deepEqual(shape, []);
    else assert.deepEqual(shape, expected.place(name).shape);
  }
});

Deno.test("load_diff's own arithmetic gives the matrix that the delta's layer is", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "diff.pt");
  using delta = await openDelta(ORIGINAL);
  await writeStudyDiff(path, delta);
  using file = await TorchFile.open(path);
  const layer = "model.layers.1.mlp.down_proj";
  const mask = await file.read(`${layer}.mask`);
  const [coeff] = toFloat32(await file.read(`${layer}.coeff`));
  const [words, outSize] = mask.shape;
  // unpack: bit k of word (w, o) is row 32w + k of [in, out]; then (2 · bit − 1) · coeff, transposed.
  const weights = new Float32Array(outSize * words * 32);
  for (const [at, word] of toInt32(mask).entries()) {
    const [w, o] = [Math.floor(at / outSize), at % outSize];
    for (let k = 0; k < 32; k++) {
      weights[o * words * 32 + 32 * w + k] = (2 * (word >> k & 1) - 1) * coeff;
    }
  }
  const { shape, terms: [{ parts }] } = await delta.readLayer(layer);
  const signs = unpackSigns(toInt32(parts.mask), shape);
  const [scale] = toFloat32(parts.coeff);
  assert.deepEqual(weights, signs.map((sign) => sign * scale));
});

Deno.test("a delta that diff.pt cannot hold is refused, with what stands in the way, and leaves nothing", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "diff.pt");
  const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: null };
  const name = "model.layers.0.mlp.up_proj";
  const layer = (shape: [number, number], scales: Scales): CompressedLayer => ({
    shape,
    role: "delta",
    terms: [signsTerm(new Int32Array(shape[0] * Math.ceil(shape[1] / 32)), shape, scales)],
  });
  const plain = layer([2, 32], { coeff: 0.5 });
  const bias = float32Tensor(Float32Array.of(1, 2), [2]);
  const cases: [RegExp, CompressedLayer, Map<string, RawTensor>, object][] = [
    [
      /up_proj': .* got 'a width of 33'; expected a multiple of 32/,
      layer([2, 33], { coeff: 1 }),
      new Map(),
      {},
    ],
    [
      /got 'delta: signs \{"scale":"row"\}'/,
      layer([2, 32], { row: Float32Array.of(1, 2) }),
      new Map(),
      {},
    ],
    [
      /got 'delta: signs .* \+ signs .*'/,
      { ...plain, terms: [...plain.terms, ...plain.terms] },
      new Map(),
      {},
    ],
    [/got 'weight: signs/, { ...plain, role: "weight" }, new Map(), {}],
    [
      /q_proj\.bias': .* passes over/,
      plain,
      new Map([["model.layers.0.self_attn.q_proj.bias", bias]]),
      {},
    ],
    [/got '\{"rope_theta":7\}'/, plain, new Map(), { config: { rope_theta: 7 } }],
  ];
  for (const [message, stored, whole, more] of cases) {
    const delta = memoryDelta(new Map([[name, stored]]), whole, { ...metadata, ...more });
    await assert.rejects(writeStudyDiff(path, delta), (error) => {
      assert.ok(error instanceof DeltaError);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.deepEqual(await Array.fromAsync(Deno.readDir(folder.path)), []);
});

Deno.test("the head of a tied model is a view of the embedding, and no tensor of its own to readers here", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "diff.pt");
  const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: null };
  const shape: [number, number] = [2, 32];
  const terms = [signsTerm(new Int32Array(2), shape, { coeff: 0.5 })];
  const embedding = float32Tensor(Float32Array.of(1, 2, 3, 4), [2, 2]);
  const delta = memoryDelta(
    new Map([["model.layers.0.mlp.up_proj", { shape, role: "delta" as const, terms }]]),
    new Map([["model.embed_tokens.weight", embedding]]),
    metadata,
  );
  await writeStudyDiff(path, delta);
  using file = await TorchFile.open(path);
  assert.deepEqual(await file.read("lm_head.weight"), embedding);
  assert.deepEqual(file.range("lm_head.weight"), file.range("model.embed_tokens.weight"));
  assert.deepEqual((await readDelta(path)).whole, delta.whole);
});
