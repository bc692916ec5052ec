/** Carries out one task of a study on an opened pair. */

import { calibrate, type Calibration } from "../methods/calibrate.ts";
import { applyDelta } from "../delta/apply.ts";
import { type Delta, deltaBytes, loadDelta } from "../delta/delta.ts";
import { openDelta } from "../delta/delta_file.ts";
import { writeDelta } from "../delta/delta_writer.ts";
import { DeltaError, nameFile, TextError } from "../util/errors.ts";
import { weightBytes, type WeightSource } from "../checkpoint/weights.ts";
import type { Watch } from "../util/progress.ts";
import type { CalibrationResult, Results, Task } from "./measurement.ts";
import { type CalibratedMethod, isCalibrated } from "./method.ts";
import type { OpenPair } from "./open_pair.ts";

/** Where a task finds the delta of a method that was calibrated before, and leaves one. */
export type FindDelta = (method: CalibratedMethod) => Promise<{
  readonly path: string;
  /** What its file's digest must be; `null` before there is one. */
  readonly digest: string | null;
}>;

/** Carries out a task. */
export async function measure<Kind extends Task["kind"]>(
  task: Task & { kind: Kind },
  pair: OpenPair,
  findDelta: FindDelta,
  watch: Watch,
): Promise<Results[Kind]> {
  // The type of a result follows from the kind of its task, which the compiler cannot see here.
  return await measureKind(task, pair, findDelta, watch) as Results[Kind];
}

async function measureKind(task: Task, pair: OpenPair, findDelta: FindDelta, watch: Watch) {
  // Tokens are made once for all methods of a seed, so no method's time may hold them.
  if (task.kind !== "evaluation") await pair.sequences(task.method.seed);
  switch (task.kind) {
    case "calibration":
      return await calibration(task.method, pair, (await findDelta(task.method)).path, watch);
    case "wall clock":
      await warmUp(task.method, pair, watch);
      return await timeOf(task.method, pair, watch);
    case "timing":
      return await timeOf(task.method, pair, watch);
    case "evaluation":
      return await pair.score(await model(task, pair, findDelta), task.domain, watch);
  }
}

async function timeOf(method: CalibratedMethod, pair: OpenPair, watch: Watch) {
  const { seconds, memory } = await timed(() => makeDelta(method, pair, watch));
  return { seconds, memory };
}

/** One short run untimed: the first in a process also pays for compiling the code that it runs. */
async function warmUp(method: CalibratedMethod, pair: OpenPair, watch: Watch): Promise<void> {
  const short = method.kind === "distilled" ? { ...method, steps: 1 } : method;
  await makeDelta(short, pair, watch);
}

async function calibration(
  method: CalibratedMethod,
  pair: OpenPair,
  path: string,
  watch: Watch,
): Promise<CalibrationResult> {
  const { value, seconds, memory } = await timed(() => makeDelta(method, pair, watch));
  const deltaDigest = await writeDelta(path, value.delta);
  return {
    seconds,
    memory,
    finalLoss: value.losses.at(-1) ?? null,
    deltaBytes: deltaBytes(value.delta),
    fineBytes: weightBytes(pair.pair.fine),
    deltaDigest,
  };
}

/** Extraction and calibration, as a user's `compress` does them. */
async function makeDelta(
  method: CalibratedMethod,
  pair: OpenPair,
  watch: Watch,
): Promise<Calibration> {
  const sequences = await pair.sequences(method.seed);
  const { engine, base, fine } = pair.pair;
  return await nameFile(
    pair.protocol.texts.calibration,
    TextError,
    () => calibrate(engine, base, fine, method, sequences, watch),
  );
}

async function model(
  { method }: Extract<Task, { kind: "evaluation" }>,
  pair: OpenPair,
  findDelta: FindDelta,
): Promise<WeightSource> {
  if (method.kind === "base") return pair.pair.base;
  if (method.kind === "fine") return pair.pair.fine;
  const delta = isCalibrated(method)
    ? await calibratedDelta(await findDelta(method))
    : await pair.initial();
  const { baseHash } = await pair.hashes();
  return await applyDelta(pair.pair.base, delta, { baseHash });
}

async function calibratedDelta(
  { path, digest }: Awaited<ReturnType<FindDelta>>,
): Promise<Delta> {
  using file = await openDelta(path);
  if (file.digest === digest) return await loadDelta(file);
  throw new DeltaError({
    problem: "is not the delta that its calibration wrote",
    file: path,
    option: "digest",
    value: file.digest,
    expected: `${digest}; delete it to calibrate again`,
  });
}

async function timed<T>(
  action: () => Promise<T>,
): Promise<{ value: T; seconds: number; memory: number }> {
  const started = performance.now();
  const value = await action();
  const seconds = (performance.now() - started) / 1000;
  return { value, seconds, memory: Deno.memoryUsage().rss };
}
