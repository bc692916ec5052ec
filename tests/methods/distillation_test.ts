import assert from "node:assert/strict";
import { join } from "node:path";
import type { Engine } from "../../lib/graph/engine.ts";
import { MemoryBudget } from "../../lib/graph/memory.ts";
import { compressedTensors, modelTensors } from "../../lib/model/model_tensors.ts";
import { TrainingStateError } from "../../lib/training/training_state.ts";
import type { DistillationSettings } from "../../lib/methods/distilled.ts";
import type { CalibrationSequences } from "../../lib/texts/sequences.ts";
import { tensorNames, type WeightSource } from "../../lib/checkpoint/weights.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { decoderLogits, type PlainWeights } from "../model/plain/decoder.ts";
import { distill, distillationSettings, engines } from "./distill.ts";
import { engine } from "./oracle_pair.ts";
import { randomSequences, reordered } from "../texts/random_sequences.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";
import { changed, contents, maskOf, scaleOf, withScale } from "../delta/signs_of_layers.ts";
import { loadDelta } from "../../lib/delta/delta.ts";

const LENGTH = 6;
const { vocabularySize } = TINY_CONFIG;
const padded = randomSequences([6, 2, 5], LENGTH, vocabularySize, 8);
const full = randomSequences([6, 6, 6], LENGTH, vocabularySize, 8);

/** Float32 logits of order 100 leave this many digits. */
const LOSS_BOUND = 1e-5;

const corrected = (given: Partial<DistillationSettings>) =>
  distillationSettings("corrected", { batch: 2, ...given });

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
    const settings = corrected({ steps: 1, padding });
    const { losses } = await distill(pair, sequences, settings);
    const expected = await plainLoss(pair, sequences, padding);
    assertWithin(relativeError(losses, [expected]), LOSS_BOUND, name);
  });
}

Deno.test("padding counts in the loss only where it is told to", async () => {
  await using pair = await tinyPair();
  const other = {
    ...padded,
    tokens: padded.tokens.map((id, at) => padded.attentionMask[at] ? id : 10 - id),
  };
  const lossOf = async (padding: DistillationSettings["padding"], of: CalibrationSequences) =>
    (await distill(pair, of, corrected({ steps: 1, padding }))).losses[0];
  assert.equal(await lossOf("left out", padded), await lossOf("left out", other));
  assert.notEqual(await lossOf("counted", padded), await lossOf("counted", other));
});

Deno.test("the delta it starts from stays as it is, and the new one says how it was made", async () => {
  await using pair = await tinyPair();
  const { layers, whole, metadata } = pair.initial;
  const before = structuredClone({ layers, whole, metadata });
  const given = { steps: 2, batch: 2 };
  const settings = distillationSettings("study-faithful", given);
  const distilled = async (settings: DistillationSettings) =>
    await loadDelta((await distill(pair, full, settings)).delta);
  const [all, scales] = [await distilled(settings), await distilled(corrected(given))];
  assert.deepEqual({ layers, whole, metadata }, before);
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
  const settings = corrected({ steps: 3 });
  const labels: string[] = [];
  const onProgress = ({ label }: Progress) => labels.push(label);
  const once = await distill(pair, padded, settings, { onProgress });
  const twice = await distill(pair, reordered(padded, [0, 1, 2, 0, 1, 2]), settings, {
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
  const settings = corrected({ steps: 4 });
  const controller = new AbortController();
  const reason = new Error("enough");
  const reports: Progress[] = [];
  const stopped = distill(pair, full, settings, {
    signal: controller.signal,
    onProgress: (report) => {
      reports.push(report);
      if (report.done === 2) controller.abort(reason);
    },
  });
  await assert.rejects(stopped, reason);
  assert.deepEqual(reports.map(({ done, total }) => [done, total]), [[1, 4], [2, 4]]);
});

for (const [execution, engine] of Object.entries(engines)) {
  Deno.test(`a distillation that was stopped goes on bit for bit, ${execution}`, async () => {
    await using pair = await tinyPair();
    await using folder = await temporaryFolder();
    const state = join(folder.path, "state.safetensors");
    const settings = distillationSettings("study-faithful", { steps: 5, batch: 2 });
    const whole = await distill(pair, padded, settings, { engine });

    const controller = new AbortController();
    const reason = new Error("enough");
    const onProgress = ({ done }: Progress) => done === 2 && controller.abort(reason);
    const stopping = { engine, state, onProgress, signal: controller.signal };
    await assert.rejects(distill(pair, padded, settings, stopping), reason);

    const steps: number[] = [];
    const resumed = await distill(pair, padded, settings, {
      engine,
      state,
      onProgress: ({ done }) => steps.push(done),
    });
    assert.deepEqual(steps, [3, 4, 5]);
    assert.deepEqual(resumed.losses, whole.losses);
    assert.deepEqual(await contents(resumed.delta), await contents(whole.delta));
  });
}

Deno.test("a state of a distillation of other settings, text or start is refused", async () => {
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const state = join(folder.path, "state.safetensors");
  await distill(pair, padded, corrected({ steps: 2 }), { state });
  const before = await Deno.readFile(state);
  const { initial } = pair;
  const [name, layer] = [...initial.layers][0];
  const layers = new Map(initial.layers).set(name, withScale(layer, 2 * scaleOf(layer)));
  const moved = { ...pair, initial: changed(initial, { layers }) };
  const others: Parameters<typeof distill>[] = [
    [pair, padded, corrected({ steps: 3 }), { state }],
    [pair, full, corrected({ steps: 2 }), { state }],
    [moved, padded, corrected({ steps: 2 }), { state }],
  ];
  for (const other of others) {
    await assert.rejects(distill(...other), (error) => {
      assert.ok(error instanceof TrainingStateError, String(error));
      return error.fault.option === "run" && error.fault.file === state;
    });
  }
  assert.deepEqual(await Deno.readFile(state), before);
});

Deno.test("both models are one graph where the memory holds their weights twice over", async () => {
  await using pair = await tinyPair();
  const bytes = modelTensors(pair.fine, engine).byteLength +
    compressedTensors(modelTensors(pair.base, engine), pair.initial, pair.base.config).byteLength;
  for (const [memory, whole] of [[2 * bytes, true], [2 * bytes - 1, false]] as const) {
    let compiled = 0;
    const counting: Engine = {
      ...engine,
      memory: new MemoryBudget(memory),
      compile: (outputs) => {
        compiled++;
        return engine.compile(outputs);
      },
    };
    await distill(pair, full, corrected({ steps: 1 }), { engine: counting });
    assert.equal(compiled === 1, whole, `${memory} bytes, ${compiled} graphs`);
    assert.notEqual(counting.memory.keep(memory, 0), null, "what was kept is free again");
  }
});
