/** `scripts/compress.ts` as a program: what it writes, prints and refuses. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { compress } from "../../lib/methods/compress.ts";
import type { MethodChoice } from "../../lib/methods/method.ts";
import { readsText } from "../../lib/methods/mod.ts";
import { calibrationSequences } from "../../lib/texts/sequences.ts";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { type Delta, loadDelta } from "../../lib/delta/delta.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { namedCalibrationTexts } from "../../lib/texts/named_text.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { projectPath } from "../../lib/util/project.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { oraclePath, oracleVectors } from "../oracle.ts";
import { runHere } from "./run_here.ts";
import { interruptTask, interruptTaskAtFile, runTask } from "./run_script.ts";
import { inFolder, tokenizedPair } from "./tokenized_pair.ts";
import { scalesOf } from "../delta/signs_of_layers.ts";

const methods: { args: string[]; choice: MethodChoice; printed: RegExp }[] = [
  {
    args: ["--method", "initial"],
    choice: { method: "initial" },
    printed: /^method {6}initial\nlayers/,
  },
  {
    args: ["--method", "activation-aware", "--rows", "40"],
    choice: { method: "activation-aware", variant: "corrected", settings: { rows: 40 } },
    printed: /^method {6}activation-aware, corrected\nlayers/,
  },
  {
    args: ["--method", "distilled", "--steps", "8", "--batch", "2", "--variant", "study-faithful"],
    choice: { method: "distilled", variant: "study-faithful", settings: { steps: 8, batch: 2 } },
    printed: /^method {6}distilled, study-faithful\nloss {8}\S+ to \S+, first and last/,
  },
];

for (const { args, choice, printed } of methods) {
  Deno.test(`compress ${args.join(" ")} writes what the library makes`, async () => {
    await using pair = await tokenizedPair();
    const { base, fine, rows } = pair;
    const out = inFolder(pair, "delta.safetensors");
    const cpu = ["--device", "cpu", "--threads", "1"];
    const given = ["--base", base, "--fine", fine, "--text", rows, "--seed", "3", ...cpu];
    const { code, out: summary, error } = await runTask("compress", [
      ...given,
      ...args,
      "--out",
      out,
    ]);
    assert.equal(code, 0, error);
    const delta = await readDelta(out);
    const expected = await compressed(base, fine, choice, rows, 3);
    const { layers, whole } = await loadDelta(expected);
    assert.deepEqual([delta.layers, delta.whole], [layers, whole]);
    const calibration = {
      variant: choice.variant,
      text: "rhymes.jsonl, column text, 8 rows from 0 on",
      seed: 3,
      engine: onnxEngine({ threads: 1 }).name,
      device: "cpu (asked for)",
    };
    assert.deepEqual(delta.metadata, {
      ...expected.metadata,
      settings: readsText(choice) ? { ...expected.metadata.settings, ...calibration } : {},
    });
    assert.match(summary, printed);
    if (choice.method === "distilled") {
      assert.match(
        summary,
        /\ntext {8}rhymes\.jsonl, column text, 8 rows from 0 on, 8 sequences, each read 2\.00 times\n/,
      );
    }
    const bits = bitsPerWeight(layers);
    assert.ok(summary.includes(`\nlayers      14, at ${bits.toFixed(3)} bits a weight\n`), summary);
    assert.match(summary, /\nsize {8}\d\d\.\d kB, \d+\.\d % of the fine-tune's \d\d\.\d kB\n/);
    assert.ok(summary.endsWith(`\ndelta       ${out}\n`));
    assert.deepEqual(filesIn(join(pair.folder, "out")), ["delta.safetensors"]);
  });
}

/** A mask in words of 32 inputs, and a float, for each layer. */
function bitsPerWeight(layers: Delta["layers"]): number {
  const shapes = [...layers.values()].map(({ shape }) => shape);
  const sum = (of: (out: number, inputs: number) => number) =>
    shapes.reduce((total, [out, inputs]) => total + of(out, inputs), 0);
  const bits = sum((out, inputs) => 32 * Math.ceil(inputs / 32) * out + 32);
  return bits / sum((out, inputs) => out * inputs);
}

async function compressed(
  baseFolder: string,
  fineFolder: string,
  choice: MethodChoice,
  text: string,
  seed: number,
): Promise<Delta> {
  using base = await Checkpoint.open(baseFolder);
  using fine = await Checkpoint.open(fineFolder);
  const texts = await namedCalibrationTexts(text, seed);
  const sequences = await calibrationSequences(texts, await fine.tokenizer());
  const engine = onnxEngine({ threads: 1 });
  return (await compress(engine, base, fine, choice, sequences)).delta;
}

Deno.test("compress --save-checkpoint writes base plus delta exactly, and the tokenizer", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "delta.safetensors");
  const folder = inFolder(pair, "plain");
  const places = ["--base", pair.base, "--fine", pair.fine, "--out", out];
  const options = ["--method", "initial", "--save-checkpoint", folder];
  const { code, out: summary, error } = await runHere("compress", [...places, ...options]);
  assert.equal(code, 0, error);
  assert.match(
    summary,
    new RegExp(`\\ncheckpoint  ${folder}\nweights     .* as f32, in one file\n`),
  );
  assert.match(
    summary,
    /\nkept {8}100\.0 % of the delta's energy in f32, 100\.0 % of its weights moved;/,
  );
  using base = await Checkpoint.open(pair.base);
  using saved = await Checkpoint.open(folder);
  const applied = await applyDelta(base, await readDelta(out));
  for (const tensor of ["model.layers.1.mlp.down_proj.weight", "lm_head.weight"]) {
    assert.deepEqual(await saved.readFloat32(tensor), await applied.readFloat32(tensor));
  }
  assert.equal((await saved.tokenizer()).vocabularySize, 284);
});

Deno.test("compress replaces its own files, and others by --force", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "delta.safetensors");
  const folder = inFolder(pair, "plain");
  const given = ["--base", pair.base, "--fine", pair.fine, "--method", "initial", "--out", out];
  const args = [...given, "--save-checkpoint", folder];
  assert.equal((await runHere("compress", args)).code, 0);
  const own = await runHere("compress", args);
  assert.equal(own.code, 0, own.error);
  await Deno.writeTextFile(out, "notes");
  assert.equal((await runHere("compress", given)).code, 2);
  assert.equal(await Deno.readTextFile(out), "notes");
  const forced = await runHere("compress", [...given, "--force"]);
  assert.equal(forced.code, 0, forced.error);
  assert.equal((await readDelta(out)).layers.size, 14);
});

Deno.test("compress tells of a cap on memory", async () => {
  await using pair = await tokenizedPair();
  const { code, out, error } = await runHere("compress", [
    ...["--base", pair.base, "--fine", pair.fine, "--method", "initial", "--device", "cpu"],
    ...["--memory", "64MB", "--out", inFolder(pair, "delta.safetensors")],
  ]);
  assert.equal(code, 0, error);
  assert.match(out, /^memory {6}0\.064 GB asked for$/m);
});

Deno.test("compress --method initial needs no tokenizer: the oracle's masks and scales", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "oracle.safetensors");
  const [base, fine] = ["base_bf16", "fine_bf16"].map((role) => oraclePath("B", role));
  const places = ["--base", base, "--fine", fine, "--out", out];
  const { code, error } = await runHere("compress", [...places, "--method", "initial"]);
  assert.equal(code, 0, error);
  const { pairs: { bf16 } } = await oracleVectors("B");
  for (const [layer, scale] of await scalesOf(await readDelta(out))) {
    const expected = bf16[layer].coeff_mean_abs_f64;
    assert.ok(Math.abs(scale - expected) <= 1e-6 * expected, layer);
  }
});

Deno.test("Ctrl-C in a distillation leaves nothing", async () => {
  await using pair = await tokenizedPair();
  const places = ["--base", pair.base, "--fine", pair.fine, "--text", pair.rows];
  const { code, out, error } = await interruptTask("compress", [
    ...places,
    ...["--method", "distilled", "--steps", "1000000"],
    ...["--out", inFolder(pair, "delta.safetensors")],
  ]);
  assert.deepEqual([code, out], [130, ""]);
  assert.match(error, /\ncompress: stopped; no delta was written\n$/);
  assert.deepEqual(filesIn(pair.folder), [
    "base",
    "fine",
    "rhyme.txt",
    "rhymes.jsonl",
    "tokenizer",
  ]);
});

Deno.test("Ctrl-C while a checkpoint is saved says that the delta was written, and leaves no checkpoint", async () => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, "delta.safetensors");
  const { code, error } = await interruptTaskAtFile("compress", [
    ...["--base", projectPath("data/checkpoints/llama-base")],
    ...["--fine", projectPath("data/checkpoints/llama-assistant")],
    ...["--method", "initial", "--out", out],
    ...["--save-checkpoint", join(folder.path, "checkpoint")],
  ], [folder.path, "delta.safetensors"]);
  assert.equal(code, 130, error);
  assert.match(error, /compress: stopped; the delta was written to '.*', and no checkpoint\n$/);
  assert.ok((await readDelta(out)).layers.size > 0);
  const model = join(folder.path, "checkpoint", "model.safetensors");
  await assert.rejects(Deno.stat(model), Deno.errors.NotFound);
});

Deno.test("compress --state goes on with a training that was stopped, to the same delta", async () => {
  await using pair = await tokenizedPair();
  const { base, fine, rows } = pair;
  const kept = inFolder(pair, "kept");
  await Deno.mkdir(kept, { recursive: true });
  const [out, state] = [inFolder(pair, "delta.safetensors"), join(kept, "state.safetensors")];
  const given = [
    ...["--base", base, "--fine", fine, "--text", rows, "--device", "cpu", "--threads", "1"],
    ...["--method", "distilled", "--steps", "300", "--batch", "2", "--out", out, "--state", state],
  ];
  const there = [kept, "state.safetensors"] as const;
  const stopped = await interruptTaskAtFile("compress", given, there, "SIGTERM");
  assert.deepEqual([stopped.code, stopped.out], [143, ""]);
  assert.match(stopped.error, /stopped; no delta was written; the same command goes on from what/);
  assert.deepEqual(filesIn(kept), ["state.safetensors"]);

  const { code, error } = await runHere("compress", given);
  assert.equal(code, 0, error);
  assert.deepEqual(filesIn(kept), [], "a state that has served is gone");
  const choice = { method: "distilled", settings: { steps: 300, batch: 2 } };
  const { layers } = await loadDelta(await compressed(base, fine, choice, rows, 1));
  assert.deepEqual((await readDelta(out)).layers, layers);
});
