import assert from "node:assert/strict";
import type { Measurement } from "../../../lib/experiments/measurement.ts";
import type { CalibratedMethod } from "../../../lib/experiments/method.ts";
import { gatherResults } from "../../../lib/studies/activation_aware_bitdelta/results.ts";
import {
  awareMethod as aware,
  distilledMethod as distilled,
  measurementOf,
} from "./made_up_study.ts";

Deno.test("costs are medians over seeds and repeats, for each variant and amount", () => {
  const calibrated = (method: CalibratedMethod, seconds: number): Measurement =>
    measurementOf({ kind: "calibration", pair: "a → b", method }, {
      seconds,
      memory: 100 * seconds,
      finalLoss: null,
      deltaDigest: "",
      deltaBytes: 10,
      fineBytes: 110,
    });
  const { cost } = gatherResults([
    calibrated(aware(32, 1), 3),
    calibrated(aware(32, 2), 100),
    calibrated(aware(32, 3), 4),
    calibrated(aware(64, 1), 5),
    calibrated(aware(32, 1, "study-faithful"), 6),
    calibrated(distilled(1), 7),
    calibrated(distilled(2), 8),
    // A repeat that was slow, of the first seed: it moves neither the median much nor any other's.
    measurementOf({ kind: "timing", pair: "a → b", method: distilled(1), repeat: 1 }, {
      seconds: 57,
      memory: 1,
    }),
  ], 7);
  const bytes = { pair: "a → b", deltaBytes: 10, fineBytes: 110 };
  const row = (
    method: CalibratedMethod,
    calibrationSize: number | null,
    timing: readonly number[],
    seconds: number,
    memory = 100 * seconds,
  ) => {
    const { kind, variant } = method;
    return { ...bytes, method: kind, variant, calibrationSize, timing, seconds, memory };
  };
  assert.deepEqual(cost, [
    row(aware(32, 1), 32, [3, 100, 4], 4),
    row(aware(64, 1), 64, [5], 5),
    row(aware(32, 1, "study-faithful"), 32, [6], 6),
    row(distilled(1), null, [7, 8, 57], 8, 750),
  ]);
});

Deno.test("wall clock is the median of the repeats, with their range", () => {
  const method = distilled(1, "study-faithful");
  const timed = (batchSize: number, seconds: number, repeat: number) =>
    measurementOf(
      { kind: "wall clock", pair: "a → b", method, batchSize, repeat },
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
