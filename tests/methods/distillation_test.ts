import assert from "node:assert/strict";
import {
  correctedDistillation,
  distill,
  type DistillationSettings,
  studyDistillation,
} from "../../lib/methods/distillation.ts";
import type { CalibrationSequences } from "../../lib/texts/sequences.ts";
import { tensorNames, type WeightSource } from "../../lib/checkpoint/weights.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import type { Progress, Watch } from "../../lib/util/progress.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { decoderLogits, type PlainWeights } from "../model/plain/decoder.ts";
import { engine } from "./oracle_pair.ts";
import { randomSequences, reordered } from "../texts/random_sequences.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";
import { contents, maskOf, scaleOf } from "../delta/signs_of_layers.ts";
import { loadDelta } from "../../lib/delta/delta.ts";

const LENGTH = 6;
const { vocabularySize } = TINY_CONFIG;
const padded = randomSequences([6, 2, 5], LENGTH, vocabularySize, 8);
const full = randomSequences([6, 6, 6], LENGTH, vocabularySize, 8);

/** Float32 logits of order 100 leave this many digits. */
const LOSS_BOUND = 1e-5;

/** Distills a tiny pair in batches of two. */
function distillTiny(
  { base, fine, initial }: TinyPair,
  sequences: CalibrationSequences,
  settings: Omit<DistillationSettings, "batch">,
  watch?: Watch,
) {
  return distill(engine, base, fine, initial, sequences, { ...settings, batch: 2 }, watch);
}

async function plainWeights(source: WeightSource): Promise<PlainWeights> {
  const weights: Record<string, Float64Array> = {};
  for (const name of tensorNames(source.config)) {
    weights[name] = Float64Array.from(await source.readFloat32(name));
  }
  return weights;
}

/** Mean over the tokens of the first two sequences of the mean squared difference of logits. */
async function plainLoss(
  pair: TinyPair,
  sequences: CalibrationSequences,
  padding: DistillationSettings["padding"],
): Promise<number> {
  const count = 2 * LENGTH;
  const inputs = Float64Array.from(sequences.tokens.subarray(0, count));
  const attentionMask = Float64Array.from(sequences.attentionMask.subarray(0, count));
  const shape = { batch: 2, sequence: LENGTH };
  const [fine, student] = await Promise.all(
    [pair.fine, await applyDelta(pair.base, pair.initial)].map(async (model) =>
      decoderLogits(model.config, await plainWeights(model), inputs, shape, { attentionMask })
    ),
  );
  let [sum, counted] = [0, 0];
  for (let row = 0; row < count; row++) {
    if (padding === "left out" && attentionMask[row] === 0) continue;
    counted++;
    for (let at = row * vocabularySize; at < (row + 1) * vocabularySize; at++) {
      sum += (fine[at] - student[at]) ** 2 / vocabularySize;
    }
  }
  return sum / counted;
}

const losses = [
  { name: "left out", sequences: padded, padding: "left out" },
  { name: "left out where there is none", sequences: full, padding: "left out" },
  { name: "counted where there is none", sequences: full, padding: "counted" },
  { name: "counted", sequences: padded, padding: "counted" },
  // Most of the padding sees no real token.
  { name: "counted beside a window", sequences: padded, padding: "counted", slidingWindow: 2 },
] as const;

for (const { name, sequences, padding, ...window } of losses) {
  Deno.test(`the loss is that of plain loops, padding ${name}`, async () => {
    const architecture = "slidingWindow" in window ? "MistralForCausalLM" : "LlamaForCausalLM";
    await using pair = await tinyPair({}, { ...TINY_CONFIG, ...window, architecture });
    const settings = { ...correctedDistillation, steps: 1, padding };
    const { losses } = await distillTiny(pair, sequences, settings);
    const expected = await plainLoss(pair, sequences, padding);
    assertWithin(relativeError(losses, [expected]), LOSS_BOUND, name);
  });
}

Deno.test("padding counts in the loss only where it is told to", async () => {
  await using pair = await tinyPair();
  const settings = { ...correctedDistillation, steps: 1 };
  const other = {
    ...padded,
    tokens: padded.tokens.map((id, at) => padded.attentionMask[at] ? id : 10 - id),
  };
  const lossOf = async (padding: DistillationSettings["padding"], of: CalibrationSequences) =>
    (await distillTiny(pair, of, { ...settings, padding })).losses[0];
  assert.equal(await lossOf("left out", padded), await lossOf("left out", other));
  assert.notEqual(await lossOf("counted", padded), await lossOf("counted", other));
});

Deno.test("the delta it starts from stays as it is, and the new one says how it was made", async () => {
  await using pair = await tinyPair();
  const { layers, whole, metadata } = pair.initial;
  const before = structuredClone({ layers, whole, metadata });
  const steps = 2;
  const distilled = async (variant: typeof studyDistillation | typeof correctedDistillation) =>
    await loadDelta((await distillTiny(pair, full, { ...variant, steps })).delta);
  const [all, scales] = [
    await distilled(studyDistillation),
    await distilled(correctedDistillation),
  ];
  assert.deepEqual({ layers, whole, metadata }, before);
  const settings = { ...studyDistillation, steps, batch: 2 };
  assert.deepEqual(all.metadata, { ...before.metadata, method: "distilled", settings });
  for (const [name, tensor] of before.whole) {
    assert.notDeepEqual(all.whole.get(name), tensor, name);
    assert.deepEqual(scales.whole.get(name), tensor, name);
  }
  for (const [name, layer] of before.layers) {
    for (const { layers } of [all, scales]) {
      assert.deepEqual(maskOf(layers.get(name)!), maskOf(layer));
      assert.notEqual(scaleOf(layers.get(name)!), scaleOf(layer));
    }
  }
});

Deno.test("steps beyond the text read it again from the start", async () => {
  await using pair = await tinyPair();
  const settings = { ...correctedDistillation, steps: 3 };
  const labels: string[] = [];
  const onProgress = ({ label }: Progress) => labels.push(label);
  const once = await distillTiny(pair, padded, settings, { onProgress });
  const twice = await distillTiny(pair, reordered(padded, [0, 1, 2, 0, 1, 2]), settings, {
    onProgress,
  });
  assert.deepEqual(twice.losses, once.losses);
  assert.deepEqual(await contents(twice.delta), await contents(once.delta));
  // Two sequences a step: of three, and then of six.
  assert.deepEqual(labels.map((label) => /text read (.*) times/.exec(label)?.[1]), [
    undefined,
    "1.3",
    "2.0",
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("progress tells each step, and a signal stops after the step in progress", async () => {
  await using pair = await tinyPair();
  const settings = { ...correctedDistillation, steps: 4 };
  const controller = new AbortController();
  const reason = new Error("enough");
  const reports: Progress[] = [];
  const stopped = distillTiny(pair, full, settings, {
    signal: controller.signal,
    onProgress: (report) => {
      reports.push(report);
      if (report.done === 2) controller.abort(reason);
    },
  });
  await assert.rejects(stopped, reason);
  assert.deepEqual(reports.map(({ done, total }) => [done, total]), [[1, 4], [2, 4]]);
});
