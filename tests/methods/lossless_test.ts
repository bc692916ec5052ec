/** What changed, kept without loss: the fine-tune comes back to the bit through a file, in every type. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { FloatType } from "../../lib/checkpoint/tensor.ts";
import { linearLayerNames, wholeTensorNames } from "../../lib/checkpoint/weights.ts";
import { applyToCheckpoint } from "../../lib/delta/apply.ts";
import { deltaBytes } from "../../lib/delta/delta_size.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import { compress, compressToFile } from "../../lib/methods/compress.ts";
import { modelTensors } from "../../lib/model/model_tensors.ts";
import { OptionError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { tinyPair } from "./tiny_pair.ts";

const engine = onnxEngine({ threads: 1 });
const choice = { method: "lossless" };

/** A fine-tune of which so many weights of each tensor are other ones than the base's. */
async function pairOf(dtype: FloatType, share: number) {
  const random = new SeededRandom(4);
  const bases = new Map<string, Float32Array>();
  return await tinyPair(
    {
      base: (tensor, values) => void bases.set(tensor, values.slice()),
      fine(tensor, values) {
        const base = bases.get(tensor)!;
        values.forEach((_, at) => {
          const turned = random.uniform() < 0.01 ? -0 : base[at] * (1 + random.integer(5) / 64);
          values[at] = random.uniform() < share ? turned : base[at];
        });
        values[0] += 1;
      },
    },
    TINY_CONFIG,
    dtype,
  );
}

for (const dtype of ["BF16", "F16", "F32"] as const) {
  Deno.test(`a fine-tune in ${dtype} comes back to the bit from its file`, async () => {
    await using pair = await pairOf(dtype, 0.3);
    await using folder = await temporaryFolder();
    const { base, fine } = pair;
    const path = join(folder.path, "delta.safetensors");
    using made = (await compressToFile(path, engine, base, fine, choice, null)).delta;
    const model = await applyToCheckpoint(base, made);
    for (
      const name of [
        ...linearLayerNames(fine.config).map((each) => `${each}.weight`),
        ...wholeTensorNames(fine.config),
      ]
    ) {
      const rounded = await model.readRounded!(name, dtype);
      assert.deepEqual(rounded.bytes.slice(), (await fine.stored.read(name)).bytes.slice(), name);
    }
    const { delta } = await compress(engine, base, fine, choice, null);
    assert.deepEqual(
      await made.readLayer("model.layers.0.mlp.up_proj"),
      await delta.readLayer("model.layers.0.mlp.up_proj"),
    );
    assert.equal(made.metadata.fineHash, await fine.hash());
    const left: string[] = [];
    for await (const { name } of Deno.readDir(folder.path)) left.push(name);
    assert.deepEqual(left, ["delta.safetensors"]);
    const { size } = await Deno.stat(path);
    assert.ok(size > deltaBytes(made));
  });
}

Deno.test("every engine has dense weights of it, formed of the base's", async () => {
  await using pair = await pairOf("BF16", 0.1);
  const { delta } = await compress(engine, pair.base, pair.fine, choice, null);
  const model = await applyToCheckpoint(pair.base, delta);
  const applying = Object.create(engine, { appliesCodecs: { value: true } });
  assert.equal(modelTensors(model, applying).layers, null);
  assert.notEqual(
    modelTensors(await applyToCheckpoint(pair.base, pair.initial), applying).layers,
    null,
  );
});

Deno.test("what is known when it is made is not planned, nor taken up again; an end leaves nothing", async () => {
  await using pair = await pairOf("F32", 0.1);
  await using folder = await temporaryFolder();
  const { base, fine } = pair;
  assert.throws(() => planDelta(fine, choice), (error) => {
    assert.ok(error instanceof OptionError);
    assert.match(error.message, /bytes as the weights ask for.*'lossless'/);
    return true;
  });
  const path = join(folder.path, "delta.safetensors");
  const state = join(folder.path, "state");
  await assert.rejects(
    compressToFile(path, engine, base, fine, choice, null, { state }),
    OptionError,
  );
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error("enough"));
  await assert.rejects(
    compressToFile(path, engine, base, fine, choice, null, { signal: stop.signal, onProgress }),
    /enough/,
  );
  assert.equal([...Deno.readDirSync(folder.path)].length, 0);
  await assert.rejects(openDelta(path));
});
