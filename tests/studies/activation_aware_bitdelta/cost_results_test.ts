import assert from "node:assert/strict";
import type { CompressedModel } from "../../../lib/experiments/scored_model.ts";
import { gatherResults } from "../../../lib/studies/activation_aware_bitdelta/results.ts";
import type { StudyMeasurement } from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import {
  awareModel as aware,
  distilledModel as distilled,
  measurementOf,
} from "./made_up_study.ts";

Deno.test("costs are medians over seeds and repeats, for each variant and amount", () => {
  const timed = (model: CompressedModel, repeat: number, seconds: number, memory: number) =>
    measurementOf({ kind: "timing", pair: "a → b", model, repeat }, { seconds, memory });
  const compressed = (model: CompressedModel, seconds: number): StudyMeasurement[] => [
    measurementOf({ kind: "compression", pair: "a → b", model }, {
      cost: { seconds: 1000, memory: 1000, machine: "another", engine: "one" },
      finalLoss: null,
      deltaDigest: "",
      deltaBytes: 10,
      fineBytes: 110,
      codecs: [],
    }),
    timed(model, 0, seconds, 100 * seconds),
  ];
  const { cost } = gatherResults([
    ...compressed(aware(32, 1), 3),
    ...compressed(aware(32, 2), 100),
    ...compressed(aware(32, 3), 4),
    ...compressed(aware(64, 1), 5),
    ...compressed(aware(32, 1, "study-faithful"), 6),
    ...compressed(distilled(1), 7),
    ...compressed(distilled(2), 8),
    // A repeat that was slow, of the first seed: it moves neither the median much nor any other's.
    timed(distilled(1), 1, 57, 1),
  ], 7);
  const bytes = { pair: "a → b", deltaBytes: 10, fineBytes: 110 };
  const row = (
    { method, variant }: CompressedModel,
    calibrationSize: number | null,
    timing: readonly number[],
    seconds: number,
    memory = 100 * seconds,
  ) => ({ ...bytes, method, variant, calibrationSize, timing, seconds, memory });
  assert.deepEqual(cost, [
    row(aware(32, 1), 32, [3, 100, 4], 4),
    row(aware(64, 1), 64, [5], 5),
    row(aware(32, 1, "study-faithful"), 32, [6], 6),
    row(distilled(1), null, [7, 8, 57], 8, 750),
  ]);
});

Deno.test("wall clock is the median of the repeats, with their range", () => {
  const model = distilled(1, "study-faithful");
  const timed = (batchSize: number, seconds: number, repeat: number) =>
    measurementOf(
      { kind: "wall clock", pair: "a → b", model, batchSize, repeat },
      { seconds, memory: 1 },
    );
  const { wallClock } = gatherResults([
    timed(2, 5, 0),
    timed(2, 7, 1),
    timed(2, 50, 2),
    timed(4, 9, 0),
  ], 7);
  const common = { pair: "a → b", method: "distilled", variant: "study-faithful", steps: 250 };
  assert.deepEqual(wallClock, [
    { ...common, batchSize: 2, timing: [5, 7, 50], seconds: 7, range: [5, 50] },
    { ...common, batchSize: 4, timing: [9], seconds: 9, range: [9, 9] },
  ]);
});
