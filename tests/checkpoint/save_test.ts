import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { tensorNames } from "../../lib/checkpoint/weights.ts";
import { OutputError, TokenizerError } from "../../lib/errors.ts";
import type { Progress } from "../../lib/progress.ts";
import { openOracleCheckpoint, oraclePath } from "../oracle.ts";
import { plainRound } from "./plain_floats.ts";
import { filesIn, temporaryFolder, TINY_CONFIG, tinySource } from "./tiny_checkpoint.ts";

Deno.test("a checkpoint saved in its own type and opened again is the same", async () => {
  for (const [kind, dtype] of [["f32", "F32"], ["bf16", "BF16"]] as const) {
    await using folder = await temporaryFolder();
    using original = await openOracleCheckpoint("B", "fine", kind);
    await saveCheckpoint(folder.path, original, { dtype });
    using saved = await Checkpoint.open(folder.path);
    assert.deepEqual(saved.config, original.config);
    assert.equal(await saved.hash(), await original.hash());
  }
});

Deno.test("weights are rounded to the type asked for", async () => {
  const source = tinySource(TINY_CONFIG, 5);
  for (const dtype of ["F16", "BF16"] as const) {
    await using folder = await temporaryFolder();
    await saveCheckpoint(folder.path, source, { dtype });
    using saved = await Checkpoint.open(folder.path);
    for (const tensor of tensorNames(TINY_CONFIG)) {
      const expected = (await source.readFloat32(tensor)).map((value) => plainRound(value, dtype));
      assert.deepEqual(await saved.readFloat32(tensor), expected);
    }
  }
});

Deno.test("the folder holds what Hugging Face's tools look for, and no more", async () => {
  await using folder = await temporaryFolder();
  const directory = join(folder.path, "new", "checkpoint");
  using original = await openOracleCheckpoint("B", "base", "f32");
  await saveCheckpoint(directory, original, { dtype: "BF16", metadata: { card: "a test" } });
  assert.deepEqual(filesIn(directory), ["config.json", "model.safetensors"]);
  using file = await SafetensorsFile.open(join(directory, "model.safetensors"));
  assert.deepEqual(file.metadata, { format: "pt", card: "a test" });
  const json = JSON.parse(await Deno.readTextFile(join(directory, "config.json")));
  const given = JSON.parse(await Deno.readTextFile(oraclePath("B", "base_bf16", "config.json")));
  for (const field of ["pad_token_id", "initializer_range"]) delete given[field];
  assert.deepEqual(json, { ...given, head_dim: 12 });
});

Deno.test("tied embeddings are saved once", async () => {
  await using folder = await temporaryFolder();
  const source = tinySource({ ...TINY_CONFIG, tiedEmbeddings: true }, 1);
  await saveCheckpoint(folder.path, source, { dtype: "F32" });
  using file = await SafetensorsFile.open(join(folder.path, "model.safetensors"));
  assert.ok(!file.tensors.has("lm_head.weight"));
});

Deno.test("the tokenizer goes along", async () => {
  await using folder = await temporaryFolder();
  const from = join(folder.path, "from");
  const to = join(folder.path, "to");
  await Deno.mkdir(from);
  await Deno.writeTextFile(join(from, "tokenizer.json"), "{}");
  await Deno.writeTextFile(join(from, "tokenizer_config.json"), '{"legacy": true}');
  await Deno.writeTextFile(join(from, "README.md"), "");
  await saveCheckpoint(to, tinySource(TINY_CONFIG, 1), { dtype: "F32", tokenizerFrom: from });
  assert.deepEqual(filesIn(to), [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  assert.equal(await Deno.readTextFile(join(to, "tokenizer_config.json")), '{"legacy": true}');
});

Deno.test("a tokenizer that is not there is found out before anything is written", async () => {
  await using folder = await temporaryFolder();
  const options = { dtype: "F32", tokenizerFrom: folder.path } as const;
  const to = join(folder.path, "to");
  await assert.rejects(saveCheckpoint(to, tinySource(TINY_CONFIG, 1), options), TokenizerError);
  assert.deepEqual(filesIn(folder.path), []);
});

Deno.test("a folder that cannot be made is an OutputError that names it", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  const saving = saveCheckpoint(join(file, "to"), tinySource(TINY_CONFIG, 1), { dtype: "F32" });
  await assert.rejects(saving, (error) => {
    assert.ok(error instanceof OutputError);
    assert.match(error.message, /file\/to\/model\.safetensors/);
    return true;
  });
});

Deno.test("saving tells how far it is, and a stopped save leaves no part of a file", async () => {
  await using folder = await temporaryFolder();
  const controller = new AbortController();
  const reports: Progress[] = [];
  const onProgress = (report: Progress) => {
    reports.push(report);
    if (report.done === 3) controller.abort(new Error("enough"));
  };
  const options = { dtype: "F32", onProgress, signal: controller.signal } as const;
  const saving = saveCheckpoint(folder.path, tinySource(TINY_CONFIG, 1), options);
  await assert.rejects(saving, /enough/);
  assert.deepEqual(reports.map(({ done, total }) => [done, total]), [[1, 21], [2, 21], [3, 21]]);
  assert.equal(reports[0].label, "lm_head.weight");
  assert.deepEqual(filesIn(folder.path), []);
});
