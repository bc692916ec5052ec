import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { endTokens } from "../../lib/checkpoint/end_tokens.ts";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { tensorNames } from "../../lib/checkpoint/weights.ts";
import {
  CheckpointError,
  ConfigError,
  OutputError,
  TokenizerError,
} from "../../lib/util/errors.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { openOracleCheckpoint, oraclePath } from "../oracle.ts";
import { plainRound } from "./plain_floats.ts";
import { filesIn, saveTiny, temporaryFolder, TINY_CONFIG, tinySource } from "./tiny_checkpoint.ts";

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

/** A fine-tune's folder with everything that goes along, and what does not. */
async function richFolder(folder: string): Promise<string> {
  const from = await saveTiny(join(folder, "from"), { dtype: "BF16" });
  const config = await Deno.readTextFile(join(from, "config.json"));
  // As Python writes them: floats that JavaScript has as integers, an integer that it has not at all.
  const others = `{
    "eos_token_id": [2, 5], "initializer_range": 1.0, "rope_scaling": {"type": "linear", "factor": 1.0},
    "seed": 12345678901234567890, "rms_norm_epsilon_of_another": 1e-05, "nested": {"dtype": "int4"},
    "dtype": "bfloat16", "unknown": [null, {"a": true}], "__proto__": {"polluted": 1},`;
  await Deno.writeTextFile(
    join(from, "config.json"),
    config.replace(/"eos_token_id": 2,/, "").replace("{", others),
  );
  await Deno.mkdir(join(from, "additional_chat_templates"));
  for (const name of [...CARRIED, ...LEFT]) {
    if (name !== "model.safetensors") await Deno.writeTextFile(join(from, name), `"${name}"`);
  }
  return from;
}

const CARRIED = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "tokenizer.model",
  "vocab.json",
  "merges.txt",
  "generation_config.json",
  "chat_template.jinja",
  "chat_template.json",
  "additional_chat_templates/tools.jinja",
];
const LEFT = ["README.md", "card.json", "trainer_state.json", "additional_chat_templates/x.py"];

Deno.test("a fine-tune's settings, tokenizer and templates go along, changed by the type of weights alone", async () => {
  await using folder = await temporaryFolder();
  const from = await richFolder(folder.path);
  const to = join(folder.path, "to");
  await saveCheckpoint(to, tinySource(TINY_CONFIG, 1), { dtype: "F32", from });
  for (const name of CARRIED) {
    assert.equal(await Deno.readTextFile(join(to, name)), `"${name}"`, name);
  }
  assert.deepEqual(
    [...filesIn(to), ...filesIn(join(to, "additional_chat_templates"))].sort(),
    [
      ...CARRIED.filter((name) => !name.includes("/")),
      "additional_chat_templates",
      "config.json",
      "model.safetensors",
      "tools.jinja",
    ].sort(),
  );
  const [before, after] = await Promise.all(
    [from, to].map((each) => Deno.readTextFile(join(each, "config.json"))),
  );
  const words = (text: string) => text.replace(/\s/g, "");
  assert.equal(words(after), words(before).replaceAll(/"bfloat16"/g, '"float32"'));
  for (const kept of ['"factor":1.0', "12345678901234567890", "1e-05", '"dtype":"int4"']) {
    assert.ok(words(after).includes(kept), kept);
  }
  using saved = await Checkpoint.open(to);
  assert.equal(saved.config.eosToken, 2);
});

Deno.test("a configuration that names no type of weights is carried as it is", async () => {
  await using folder = await temporaryFolder();
  const from = await saveTiny(join(folder.path, "from"));
  const path = join(from, "config.json");
  const { torch_dtype: _, ...json } = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...json, dtype: null }));
  const to = join(folder.path, "to");
  await saveCheckpoint(to, tinySource(TINY_CONFIG, 1), { dtype: "F16", from });
  const saved = JSON.parse(await Deno.readTextFile(join(to, "config.json")));
  assert.deepEqual(saved, { ...json, dtype: null });
});

Deno.test("a configuration that is nested too deep to be written is refused before the weights are", async () => {
  await using folder = await temporaryFolder();
  const from = await saveTiny(join(folder.path, "from"));
  const path = join(from, "config.json");
  const text = await Deno.readTextFile(path);
  const deep = `{ "x": ${"[".repeat(400_000)}${"]".repeat(400_000)},`;
  await Deno.writeTextFile(path, text.replace("{", deep));
  const saving = saveCheckpoint(join(folder.path, "to"), tinySource(TINY_CONFIG, 1), {
    dtype: "F32",
    from,
  });
  await assert.rejects(saving, (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, /from\/config\.json': is nested too deep; expected the JSON set/);
    return true;
  });
  assert.deepEqual(filesIn(folder.path), ["from"]);
});

Deno.test("another folder lends the files of a tokenizer that are not there, and no others", async () => {
  await using folder = await temporaryFolder();
  const from = await saveTiny(join(folder.path, "fine"));
  const tokenizerFrom = join(folder.path, "base");
  await Deno.mkdir(tokenizerFrom);
  await Deno.writeTextFile(join(from, "tokenizer.json"), '"own"');
  for (const name of CARRIED.slice(0, -1)) {
    await Deno.writeTextFile(join(tokenizerFrom, name), '"lent"');
  }
  const to = join(folder.path, "to");
  await saveCheckpoint(to, tinySource(TINY_CONFIG, 1), { dtype: "F32", from, tokenizerFrom });
  assert.deepEqual(filesIn(to), [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  assert.equal(await Deno.readTextFile(join(to, "tokenizer.json")), '"own"');
  assert.equal(await Deno.readTextFile(join(to, "tokenizer_config.json")), '"lent"');
});

Deno.test("what is saved with all but its settings from its base says what it computes itself", async () => {
  await using folder = await temporaryFolder();
  const from = await saveTiny(join(folder.path, "from"));
  await Deno.writeTextFile(join(from, "tokenizer.json"), '"lent"');
  const config = { ...TINY_CONFIG, ropeTheta: 5e5, vocabularySize: 13, tiedEmbeddings: true };
  const to = join(folder.path, "to");
  const options = { dtype: "F32", from, fromBase: true } as const;
  await saveCheckpoint(to, tinySource(config, 1), options);
  using saved = await Checkpoint.open(to);
  assert.deepEqual(saved.config, config);
  assert.equal(await Deno.readTextFile(join(to, "tokenizer.json")), '"lent"');
  // Of one that computes the same, all stays as it is.
  await saveCheckpoint(to, tinySource(TINY_CONFIG, 1), options);
  const [kept, own] = [to, from].map((each) => Deno.readTextFileSync(join(each, "config.json")));
  assert.equal(kept, own);
});

Deno.test("a fine-tune that ends its texts otherwise does not take its base's end tokens", async () => {
  await using folder = await temporaryFolder();
  const from = await saveTiny(join(folder.path, "from"));
  await Deno.writeTextFile(join(from, "generation_config.json"), '{"eos_token_id": [2, 3]}');
  const options = { dtype: "F32", from, fromBase: true } as const;
  const ends = async (eosToken: number, all?: number[]) => {
    const to = join(folder.path, `to ${eosToken} ${all}`);
    const config = { ...TINY_CONFIG, eosToken, ...all && { endTokens: all } };
    await saveCheckpoint(to, tinySource(config, 1), options);
    using saved = await Checkpoint.open(to);
    assert.equal(saved.config.eosToken, eosToken);
    return await endTokens(saved);
  };
  assert.deepEqual(await ends(7), { ids: [7], from: "config.json" });
  assert.deepEqual(await ends(2), { ids: [2], from: "config.json" });
  assert.deepEqual(await ends(2, [2, 3]), { ids: [2, 3], from: "generation_config.json" });
  assert.deepEqual(await ends(2, [9, 2]), { ids: [2, 9], from: "config.json" });
});

Deno.test("where one of the small files cannot be written there are no weights either", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(join(folder.path, "README.md"));
  const options = { dtype: "F32", card: () => "# A card" } as const;
  await assert.rejects(
    saveCheckpoint(folder.path, tinySource(TINY_CONFIG, 1), options),
    /README\.md'.* cannot be written/,
  );
  assert.deepEqual(filesIn(folder.path), ["README.md"]);
});

Deno.test("settings of another model than the weights are not saved with them", async () => {
  await using folder = await temporaryFolder();
  const from = await saveTiny(join(folder.path, "from"));
  const source = tinySource({ ...TINY_CONFIG, ropeTheta: 5e5 }, 1);
  const to = join(folder.path, "to");
  await assert.rejects(saveCheckpoint(to, source, { dtype: "F32", from }), (error) => {
    assert.ok(error instanceof CheckpointError);
    assert.match(
      error.message,
      /from\/config\.json', option 'rope_theta': .*got 10000; expected 5/,
    );
    return true;
  });
  assert.deepEqual(filesIn(folder.path), ["from"]);
});

Deno.test("weights are not saved beside what would go with them and is another's", async () => {
  const others = [
    "chat_template.jinja",
    "generation_config.json",
    "model.safetensors.index.json",
    "adapter_config.json",
    "additional_chat_templates/rag.jinja",
  ];
  for (const name of others) {
    await using folder = await temporaryFolder();
    await Deno.mkdir(join(folder.path, "additional_chat_templates"));
    await Deno.writeTextFile(join(folder.path, name), "");
    const before = filesIn(folder.path);
    const saving = saveCheckpoint(folder.path, tinySource(TINY_CONFIG, 1), { dtype: "F32" });
    await assert.rejects(saving, (error) => {
      assert.ok(error instanceof OutputError);
      assert.ok(error.message.startsWith(`file '${join(folder.path, name)}': would go with`));
      return true;
    });
    assert.deepEqual(filesIn(folder.path), before);
  }
});

Deno.test("a pipe in the place of a file that goes along is refused, not waited for", async () => {
  await using folder = await temporaryFolder();
  const from = await saveTiny(join(folder.path, "from"));
  await new Deno.Command("mkfifo", { args: [join(from, "tokenizer.model")] }).output();
  const to = join(folder.path, "to");
  const saving = saveCheckpoint(to, tinySource(TINY_CONFIG, 1), { dtype: "F32", from });
  await assert.rejects(saving, /tokenizer\.model': cannot be read: got 'it is a pipe'/);
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
