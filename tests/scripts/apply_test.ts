import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { compress } from "../../lib/methods/compress.ts";
import { plainRound } from "../checkpoint/plain_floats.ts";
import { extractDelta } from "../methods/extract.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";
import { tokenizedPair } from "./tokenized_pair.ts";

Deno.test("apply writes what other programs serve a model by, of the fine-tune's", async () => {
  await using pair = await tokenizedPair();
  const path = join(pair.folder, "delta.safetensors");
  using base = await Checkpoint.open(pair.base);
  using fine = await Checkpoint.open(pair.fine);
  await writeDelta(path, await extractDelta(base, fine));
  const carried = {
    "generation_config.json": '{"eos_token_id": [2, 3]}',
    "chat_template.jinja": "{{ messages }}",
  };
  for (const [name, text] of Object.entries(carried)) {
    await Deno.writeTextFile(join(pair.fine, name), text);
  }
  const out = join(pair.folder, "model");
  const args = ["--base", pair.base, "--delta", path, "--fine", pair.fine, "--dtype", "bf16"];
  const { code, error } = await runHere("apply", [...args, "--out", out]);
  assert.equal(code, 0, error);
  assert.deepEqual([...Deno.readDirSync(out)].map(({ name }) => name).sort(), [
    "README.md",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  const read = (folder: string, name: string) => Deno.readTextFile(join(folder, name));
  for (const name of [...Object.keys(carried), "tokenizer.json", "tokenizer_config.json"]) {
    assert.equal(await read(out, name), await read(pair.fine, name), name);
  }
  const config = JSON.parse(await read(out, "config.json"));
  const { architectures, model_type, ...rest } = JSON.parse(await read(pair.fine, "config.json"));
  assert.deepEqual([config.architectures, config.model_type], [architectures, model_type]);
  assert.ok(architectures.length === 1 && rest.vocab_size === config.vocab_size);
  assert.equal(config.dtype ?? config.torch_dtype, "bfloat16");
});

Deno.test("apply writes the model that a delta file stands for, and says how much of it is left", async () => {
  await using pair = await tokenizedPair();
  const path = join(pair.folder, "delta.safetensors");
  using base = await Checkpoint.open(pair.base);
  using fine = await Checkpoint.open(pair.fine);
  const { delta } = await compress(
    onnxEngine({ threads: 1 }),
    base,
    fine,
    { method: "initial" },
    null,
  );
  await writeDelta(path, delta);
  const folder = join(pair.folder, "model");
  const given = ["--base", pair.base, "--delta", path, "--out", folder, "--dtype", "bf16"];
  const { code, out, error } = await runTask("apply", given);
  assert.equal(code, 0, error);
  using saved = await Checkpoint.open(folder);
  const model = await applyDelta(base, delta);
  let [moved, count] = [0, 0];
  for (const layer of delta.layers.keys()) {
    const tensor = `${layer}.weight`;
    assert.equal(saved.info(tensor).dtype, "BF16");
    const expected = (await model.readFloat32(tensor)).map((value) => plainRound(value, "BF16"));
    assert.deepEqual(await saved.readFloat32(tensor), expected);
    const before = await base.readFloat32(tensor);
    count += before.length;
    moved += expected.filter((value, index) => value !== before[index]).length;
  }
  const share = (100 * moved / count).toFixed(1);
  assert.ok(out.includes(`, ${share} % of its weights moved;`), out);
  assert.deepEqual(await saved.read("lm_head.weight"), await fine.read("lm_head.weight"));
  assert.equal((await saved.tokenizer()).vocabularySize, 284);

  const other = await runTask("apply", ["--base", pair.fine, ...given.slice(2), "--force"]);
  assert.equal(other.code, 1);
  assert.match(other.error, /^apply: .*was made for another base/m);
  using still = await Checkpoint.open(folder);
  assert.equal(still.info("lm_head.weight").dtype, "BF16");
});
