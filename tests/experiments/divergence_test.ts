/** Numbers that leave what floats hold: an error that names the tensor, on every path, and never NaN. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { compress } from "../../lib/methods/compress.ts";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { extractDelta } from "../methods/extract.ts";
import { DeltaError, DivergenceError, InputError } from "../../lib/util/errors.ts";
import { bootstrapInterval, perplexityOf } from "../../lib/evaluation/bootstrap.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import { summarize } from "../../lib/evaluation/scores.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { distill, distillationSettings, engines } from "../methods/distill.ts";
import { engine } from "../methods/oracle_pair.ts";
import {
  filesIn,
  saveTiny,
  temporaryFolder,
  TINY_CONFIG,
  tinySource,
} from "../checkpoint/tiny_checkpoint.ts";
import { runTask } from "../scripts/run_script.ts";
import { tokenizedPair } from "../scripts/tokenized_pair.ts";
import { tinyTrainer } from "../training/tiny_trainer.ts";
import { changed, withScale } from "../delta/signs_of_layers.ts";

const LAYER = "model.layers.1.mlp.up_proj";
const TENSOR = `${LAYER}.weight`;
const sequences = randomSequences([6, 6, 6], 6, TINY_CONFIG.vocabularySize, 8);

/** Whether an error is a divergence that names the tensor which was made large. */
function namesTensor(error: unknown): boolean {
  assert.ok(error instanceof DivergenceError, String(error));
  assert.equal(error.fault.tensor, TENSOR, error.message);
  return true;
}

/** A pair whose fine-tune has three weights of 3e38 in one tensor. */
async function largePair(folder: string) {
  const change = (tensor: string, values: Float32Array) => {
    if (tensor === TENSOR) values.fill(3e38, 0, 3);
  };
  const base = await Checkpoint.open(await saveTiny(join(folder, "base"), { seed: 1 }));
  const fine = await Checkpoint.open(await saveTiny(join(folder, "fine"), { seed: 2, change }));
  return { base, fine, [Symbol.dispose]: () => [base, fine].forEach((each) => each.close()) };
}

/** A text of the tiny model's tokens. */
const text = {
  name: "text",
  tokens: Int32Array.from({ length: 24 }, (_, at) => at % TINY_CONFIG.vocabularySize),
  bytes: new Int32Array(24).fill(1),
  documents: ["document"],
  documentOf: new Int32Array(24),
};

Deno.test("weights that overflow are named by evaluation, as model, as delta and as reference", async () => {
  await using folder = await temporaryFolder();
  using pair = await largePair(folder.path);
  const { base, fine } = pair;
  const evaluator = new Evaluator(engine, TINY_CONFIG, { context: 8, window: 8 });
  await assert.rejects(evaluator.score(fine, text), namesTensor);
  const initial = await extractDelta(base, fine);
  const layers = new Map(initial.layers).set(LAYER, withScale(initial.layers.get(LAYER)!, 3e38));
  await assert.rejects(
    evaluator.score(await applyDelta(base, changed(initial, { layers })), text),
    namesTensor,
  );
  const reference = await evaluator.reference(fine, text);
  await assert.rejects(evaluator.score(base, text, reference), namesTensor);
  await evaluator.release();
});

for (const variant of ["corrected", "study-faithful"] as const) {
  for (const [execution, engine] of Object.entries(engines)) {
    Deno.test(`weights that overflow are named by distillation, ${variant}, ${execution}`, async () => {
      await using folder = await temporaryFolder();
      using pair = await largePair(folder.path);
      const initial = await extractDelta(pair.base, pair.fine);
      const settings = distillationSettings(variant, { steps: 3, batch: 1 });
      const run = distill({ ...pair, initial }, sequences, settings, { engine });
      await assert.rejects(run, namesTensor);
    });
  }
}

Deno.test("weights that overflow leave an activation-aware scale that is refused by its layer", async () => {
  await using folder = await temporaryFolder();
  using pair = await largePair(folder.path);
  const { base, fine } = pair;
  const choice = { method: "activation-aware", settings: { rows: 12 } };
  const aware = compress(engine, base, fine, choice, sequences);
  await assert.rejects(aware, (error) => {
    assert.ok(error instanceof DeltaError, String(error));
    return /^model\.layers\.1\./.test(error.fault.tensor!);
  });
});

Deno.test("a training whose loss is not finite stops before it changes anything", async () => {
  await using tiny = await tinyTrainer();
  const { trainer } = tiny;
  trainer.parameters.get("model.layers.0.mlp.up_proj.weight")!.fill(3e38);
  const before = structuredClone(trainer.parameters);
  await assert.rejects(trainer.step(), (error) => {
    assert.ok(error instanceof DivergenceError, String(error));
    return error.fault.tensor === "model.layers.0.mlp.up_proj.weight";
  });
  assert.deepEqual(trainer.parameters, before);
  assert.equal(trainer.optimizer.stepCount, 0);
});

Deno.test("a weight that a narrower type cannot hold is named, and no file or folder is left", async () => {
  await using folder = await temporaryFolder();
  const source = (size: number) =>
    tinySource(TINY_CONFIG, 1, (tensor, values) => {
      if (tensor === TENSOR) values[3] = size;
    });
  const save = (size: number, dtype: "F16" | "BF16" | "F32") =>
    saveCheckpoint(join(folder.path, dtype), source(size), { dtype });
  await assert.rejects(save(65520, "F16"), namesTensor);
  await assert.rejects(save(3.4e38, "BF16"), namesTensor);
  await assert.rejects(save(NaN, "F32"), namesTensor);
  assert.deepEqual(filesIn(folder.path), []);
  await save(65504, "F16");
  await save(3.38e38, "BF16");
});

Deno.test("a perplexity beyond what a number holds is an error that tells the NLL", () => {
  const window = { begin: 0, end: 8, scored: 4 };
  const scores = (nll: number) => [
    { window, nll: new Float32Array(4).fill(nll), kl: null, agreement: null },
  ];
  assert.equal(summarize(text, scores(700)).perplexity, Math.exp(700));
  assert.throws(
    () => summarize(text, scores(710)),
    /perplexity of 'text' is beyond.*Infinity, at 710 nats a token/,
  );
  const document = { name: "a", tokens: 1, bytes: 1, nll: 710, kl: null, agreement: null };
  assert.throws(() => bootstrapInterval([document], perplexityOf, 1), DivergenceError);
});

Deno.test("evaluate of a delta with a scale of 3e38 exits with 1 and names the tensor", async () => {
  await using pair = await tokenizedPair();
  const file = join(pair.folder, "delta.safetensors");
  using base = await Checkpoint.open(pair.base);
  using fine = await Checkpoint.open(pair.fine);
  const delta = await extractDelta(base, fine);
  const layers = new Map(delta.layers).set(LAYER, withScale(delta.layers.get(LAYER)!, 3e38));
  await writeDelta(file, changed(delta, { layers }));
  const { code, out, error } = await runTask("evaluate", [
    ...["--base", pair.base, "--delta", file, "--text", pair.text],
    ...["--context", "64", "--window", "32", "--device", "cpu"],
    ...["--json", join(pair.folder, "scores.json")],
  ]);
  assert.deepEqual([code, out], [1, ""], error);
  assert.match(error, /tensor 'model\.layers\.1\.mlp\.up_proj\.weight'.*is not finite/);
  await assert.rejects(Deno.stat(join(pair.folder, "scores.json")), Deno.errors.NotFound);
});

Deno.test("a divergence is an input error, which scripts tell on one line", () => {
  assert.ok(new DivergenceError({ problem: "a", expected: "b" }) instanceof InputError);
});
