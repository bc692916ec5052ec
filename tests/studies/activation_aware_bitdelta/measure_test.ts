/** A study's numbers against the same steps done by hand with {@linkcode Pair}. */

import assert from "node:assert/strict";
import { TextTokenizer } from "../../../lib/checkpoint/tokenizer.ts";
import {
  linearLayerNames,
  linearShape,
  tensorNames,
  tensorShape,
  wholeTensorNames,
} from "../../../lib/checkpoint/weights.ts";
import { readDelta } from "../../../lib/delta/delta_file.ts";
import { contents } from "../../delta/signs_of_layers.ts";
import { compressionKind } from "../../../lib/experiments/measurement_schema.ts";
import { compressedModel, type ScoredModel } from "../../../lib/experiments/scored_model.ts";
import type { StudyTask } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import { Pair } from "../../../lib/experiments/pair.ts";
import {
  runStudy,
  type StudyMeasurement,
} from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import { tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { engine, smallStudy, smallTexts } from "../../experiments/small_study.ts";

/** A study that has run, its pair opened by hand, and its measurements by task. */
async function finishedStudy(folder: string) {
  const { protocol, store, ...rest } = smallStudy(folder);
  const { measurements } = await runStudy({ protocol, store, ...rest });
  const [{ base, fine }] = protocol.pairs;
  const pair = await Pair.open(base, fine, { engine, windows: protocol.windows });
  function find<Kind extends StudyTask["kind"]>(
    kind: Kind,
    model: ScoredModel,
  ): StudyMeasurement<Kind> {
    const wanted = JSON.stringify(model);
    return measurements.find(({ task }) =>
      task.kind === kind && JSON.stringify(task.model) === wanted
    ) as StudyMeasurement<Kind>;
  }
  return { pair, store, find };
}

Deno.test("a study's numbers are those of the same calls by hand", async (t) => {
  await using files = await tokenizedPair();
  const { pair: opened, store, find } = await finishedStudy(files.folder);
  await using pair = opened;
  const text = await pair.text("wikitext", await smallTexts.evaluation("wikitext"));
  const reference = await pair.reference(text);
  const calibrationTexts = await smallTexts.calibration(1);

  await t.step("base and fine-tune", async () => {
    for (const kind of ["base", "fine"] as const) {
      const byHand = await pair.evaluate(pair[kind], text, reference);
      assert.deepEqual(find("evaluation", kind).result, byHand);
    }
    const { kl, agreement, documents } = find("evaluation", "fine").result;
    assert.deepEqual([kl, agreement, documents.length], [0, 1, 2]);
    assert.ok(find("evaluation", "base").result.kl! > 0);
  });

  await t.step("initial is the extracted delta", async () => {
    const model = await pair.apply(await pair.extract());
    const byHand = await pair.evaluate(model, text, reference);
    assert.deepEqual(find("evaluation", compressedModel({ method: "initial" }, 0)).result, byHand);
  });

  const methods = [
    { kind: "activation-aware", variant: "study-faithful", rows: 160, seed: 1 },
    { kind: "activation-aware", variant: "corrected", rows: 16, seed: 1 },
    { kind: "distilled", variant: "study-faithful", steps: 2, batch: 1, seed: 1 },
    { kind: "distilled", variant: "corrected", steps: 2, batch: 1, seed: 1 },
  ] as const;
  const models = methods.map(({ kind, variant, seed, ...settings }) =>
    compressedModel({ method: kind, variant, settings }, seed)
  );
  for (const [index, method] of methods.entries()) {
    const model = models[index];
    await t.step(`${method.kind}, ${method.variant}`, async () => {
      const choice = { ...model, variant: method.variant };
      const { delta, losses } = await pair.compress(choice, calibrationTexts);
      const { id, result } = find("compression", model);
      assert.deepEqual(
        await contents(await readDelta(store.filePath(compressionKind, id))),
        await contents(delta),
      );
      assert.equal(result.finalLoss, losses.at(-1) ?? null);
      assert.equal(losses.length, method.kind === "distilled" ? method.steps : 0);
      const byHand = await pair.evaluate(await pair.apply(delta), text, reference);
      assert.deepEqual(find("evaluation", model).result, byHand);
    });
  }

  await t.step("bytes are those of masks, scales and whole tensors", () => {
    const { config } = pair.base;
    const elements = (shape: readonly number[]) => shape.reduce((all, size) => all * size, 1);
    const sum = (counts: number[]) => counts.reduce((all, count) => all + count, 0);
    const all = sum(tensorNames(config).map((name) => elements(tensorShape(config, name))));
    const whole = sum(wholeTensorNames(config).map((name) => elements(tensorShape(config, name))));
    const layers = linearLayerNames(config).map((name) => {
      const [out, width] = linearShape(config, name);
      return 4 * Math.ceil(width / 32) * out + 4;
    });
    for (const model of models) {
      const { fineBytes, deltaBytes } = find("compression", model).result;
      // The study trains what it keeps whole, in float32; all else stays in bfloat16.
      const isTrained = model.method === "distilled" && model.variant === "study-faithful";
      const wholeBytes = (isTrained ? 4 : 2) * whole;
      assert.deepEqual([fineBytes, deltaBytes], [2 * all, sum(layers) + wholeBytes]);
    }
  });

  await t.step("wall clock has a time and a memory", () => {
    const variant = "study-faithful";
    for (
      const model of [
        compressedModel({ method: "distilled", variant, settings: { steps: 1, batch: 2 } }, 1),
        compressedModel({ method: "activation-aware", variant, settings: { rows: 16 } }, 1),
      ]
    ) {
      const { seconds, memory } = find("wall clock", model).result;
      assert.ok(seconds > 0 && memory > 2 ** 20);
    }
  });
});

Deno.test("no calibration's time holds the making of tokens, which all share", async () => {
  await using files = await tokenizedPair();
  const study = smallStudy(files.folder);
  const { now } = performance;
  const { encode } = TextTokenizer.prototype;
  let clock = 0;
  performance.now = () => clock;
  TextTokenizer.prototype.encode = function (text) {
    clock += 1000;
    return encode.call(this, text);
  };
  try {
    for (const { result } of (await runStudy(study)).measurements) {
      if ("seconds" in result) assert.equal(result.seconds, 0);
    }
    assert.ok(clock > 0);
  } finally {
    performance.now = now;
    TextTokenizer.prototype.encode = encode;
  }
});

Deno.test("documents are shortened in proportion", async () => {
  await using files = await tokenizedPair();
  const study = smallStudy(files.folder);
  const full = await smallTexts.evaluation("wikitext");
  const characters = full.reduce((sum, { text }) => sum + text.length, 0);
  const run = async (evaluationCharacters: number | null) => {
    const protocol = { ...study.protocol, evaluationCharacters, seeds: [] };
    return (await runStudy({ ...study, protocol })).measurements;
  };
  const [all, same, half] = [await run(null), await run(characters), await run(characters / 2)];
  assert.deepEqual(same, all);
  const [{ base, fine }] = study.protocol.pairs;
  await using pair = await Pair.open(base, fine, { engine, windows: study.protocol.windows });
  const halves = full.map(({ name, text }) => ({ name, text: text.slice(0, text.length / 2) }));
  const byHand = await pair.evaluate(pair.base, await pair.text("wikitext", halves));
  const { result } = half.find(({ task }) => task.model === "base") as StudyMeasurement<
    "evaluation"
  >;
  assert.deepEqual(result.windowNll, byHand.windowNll);
});
