/**
 * From a base and its fine-tune to a one-bit delta in a file. Any Llama or Mistral folders; the
 * embedded calibration text or one's own.
 */

import { basename, join } from "node:path";
import { Option } from "commander";
import {
  applyDelta,
  calibrate,
  type Calibration,
  CALIBRATION_TEXT,
  type CalibrationMethod,
  type CalibrationSequences,
  calibrationSequences,
  checkEnoughText,
  checkOutputs,
  checkPair,
  Checkpoint,
  checkSave,
  compress as compressPair,
  deltaBytes,
  type DeviceOptions,
  isTaken,
  lentFiles,
  namedCalibrationTexts,
  nameFile,
  openEngine,
  type Output,
  readTrainable,
  saveCheckpoint,
  type SaveOptions,
  TextError,
  type Watch,
  weightBytes,
  writeDelta,
} from "../lib/mod.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { withDeviceOptions } from "./device_options.ts";
import { placesRead } from "./places.ts";
import {
  CHECKPOINT_MARK,
  checkReplaceable,
  checkReplaceableCheckpoint,
  type ForceOption,
  isDelta,
  withForce,
} from "./replaceable.ts";

interface Options extends DeviceOptions, ForceOption {
  base: string;
  fine: string;
  method: "initial" | CalibrationMethod["kind"];
  variant: CalibrationMethod["variant"];
  text: string;
  rows: number;
  steps: number;
  batch: number;
  seed: number;
  out: string;
  saveCheckpoint?: string;
}

interface Compressed extends Calibration {
  /** Sequences of calibration text, and how often distillation reads each; `null` without a text. */
  readonly read: { readonly sequences: number; readonly times: number } | null;
}

const command = withForce(withDeviceOptions(
  script("compress", "Compresses a fine-tune to one bit a weight beside its base."),
))
  .requiredOption("--base <folder>", "the base's checkpoint")
  .requiredOption("--fine <folder>", "the fine-tune's checkpoint")
  .addOption(
    new Option("--method <name>", "how the scales are found")
      .choices(["initial", "distilled", "activation-aware"]).makeOptionMandatory(),
  )
  .addOption(
    new Option("--variant <name>", "as the study's code ran it, or with its faults mended")
      .choices(["corrected", "study-faithful"]).default("corrected"),
  )
  .option(
    "--text <name>",
    "calibration text: a file (prose or JSON lines, gzipped or not), a domain, or the embedded one",
    CALIBRATION_TEXT,
  )
  .option("--rows <number>", "activation-aware: token rows", wholeNumber(1, 100_000_000), 256)
  .option("--steps <number>", "distilled: steps", wholeNumber(1), 250)
  .option("--batch <number>", "distilled: sequences of a step", wholeNumber(1, 1024), 4)
  .option("--seed <number>", "order of the calibration text", wholeNumber(0, 2 ** 31 - 1), 1)
  .requiredOption("--out <file>", "the delta, a safetensors file")
  .option("--save-checkpoint <folder>", "also the base with the delta applied, float32");

await runScript<Options>(command, async (options, watch) => {
  const started = performance.now();
  await checkPlaces(options);
  using base = await Checkpoint.open(options.base);
  using fine = await Checkpoint.open(options.fine);
  checkPair(base, fine);
  const saving = await saveOptions(base, fine, options);
  const { saveCheckpoint: folder } = options;
  if (folder !== undefined) await checkSave(folder, fine.config, saving);
  const compressed = await compress(base, fine, options, watch);
  const { delta } = compressed;
  watch.onProgress?.({ done: 0, total: 1, label: `writing ${options.out}` });
  await writeDelta(options.out, delta);
  if (folder !== undefined) {
    await saveCheckpoint(folder, await applyDelta(base, delta), { ...saving, ...watch });
  }
  const seconds = (performance.now() - started) / 1000;
  return await summary(options, compressed, weightBytes(fine), seconds);
}, "no delta was written");

/** Fails before the work where writing would fail after it, or would replace what is compressed. */
async function checkPlaces(options: Options): Promise<void> {
  const { base, fine, text, out, saveCheckpoint: folder } = options;
  const outputs: Output[] = [{ option: "--out", path: out }];
  if (folder !== undefined) {
    outputs.push({ option: "--save-checkpoint", path: folder, kind: "folder" });
  }
  await checkOutputs(outputs, placesRead({ base, fine, text }));
  await checkReplaceable(out, "--out", isDelta, options);
  if (folder !== undefined) {
    await checkReplaceableCheckpoint(folder, "--save-checkpoint", options);
  }
}

async function compress(
  base: Checkpoint,
  fine: Checkpoint,
  options: Options,
  watch: Watch,
): Promise<Compressed> {
  const { method: kind, variant, rows, steps, batch, text, seed } = options;
  if (kind === "initial") {
    // It needs no text; one that is asked for is held to what the others need.
    if (command.getOptionValueSource("text") !== "default") {
      await calibrationText(base, fine, options, watch);
    }
    const engine = await openEngine(options);
    const made = await compressPair(engine, base, fine, { method: kind }, null, watch);
    return { ...made, read: null };
  }
  const method = kind === "distilled" ? { kind, variant, steps, batch } : { kind, variant, rows };
  const lent = lentFiles(await fine.tokenizerPlace(base), fine.directory);
  const sequences = await calibrationText(base, fine, options, watch);
  const engine = await openEngine(options);
  const { delta, losses } = await nameFile(
    text,
    TextError,
    () => calibrate(engine, base, fine, method, sequences, watch),
  );
  const settings = {
    ...delta.metadata.settings,
    variant,
    text: basename(text),
    ...(lent === null ? {} : { tokenizer: lent }),
    seed,
    engine: engine.name,
    device: `${engine.details.device} (${engine.details.chosen})`,
  };
  const read = { sequences: sequences.count, times: steps * batch / sequences.count };
  return { delta: { ...delta, metadata: { ...delta.metadata, settings } }, losses, read };
}

async function calibrationText(
  base: Checkpoint,
  fine: Checkpoint,
  { text, seed }: Options,
  watch: Watch,
): Promise<CalibrationSequences> {
  const tokenizer = await fine.tokenizer(base);
  const texts = await namedCalibrationTexts(text, seed);
  const sequences = await calibrationSequences(texts, tokenizer, watch);
  await nameFile(text, TextError, () => Promise.resolve(checkEnoughText(sequences)));
  return sequences;
}

/** In float32: a scale is often smaller than the distance between two bfloat16 weights. */
async function saveOptions(
  base: Checkpoint,
  fine: Checkpoint,
  { method }: Options,
): Promise<SaveOptions> {
  const lends = await isTaken(join(base.directory, "tokenizer.json"));
  return {
    dtype: "F32",
    from: fine.directory,
    tokenizerFrom: lends ? base.directory : undefined,
    metadata: { [CHECKPOINT_MARK]: method },
  };
}

async function summary(
  { method, variant, text, out, saveCheckpoint: folder }: Options,
  { delta, losses, read }: Compressed,
  fineBytes: number,
  seconds: number,
): Promise<string> {
  const scales = [...(await readTrainable(delta)).values()].flatMap((each) => [...each]);
  const bytes = deltaBytes(delta);
  const rows: [name: string, value: string][] = [
    ["method", method === "initial" ? method : `${method}, ${variant}`],
    [
      "scales",
      `${short(Math.min(...scales))} to ${short(Math.max(...scales))}, one for each of ` +
      `${scales.length} layers`,
    ],
    [
      "size",
      `${megabytes(bytes)}, ${(100 * bytes / fineBytes).toFixed(1)} % of the fine-tune's ` +
      `${megabytes(fineBytes)}`,
    ],
    ["time", `${seconds.toFixed(1)} s`],
    ["delta", out],
  ];
  if (losses.length > 0) {
    const tenth = Math.ceil(losses.length / 10);
    const [first, last] = [losses.slice(0, tenth), losses.slice(-tenth)].map(mean);
    rows.splice(1, 0, [
      "loss",
      `${short(first)} to ${short(last)}, first and last tenth of the steps`,
    ]);
  }
  if (read) {
    const often = losses.length > 0 ? `, each read ${short(read.times)} times` : "";
    rows.splice(-2, 0, ["text", `${basename(text)}, ${read.sequences} sequences${often}`]);
  }
  const { device, engine, tokenizer } = delta.metadata.settings;
  if (tokenizer) rows.splice(-1, 0, ["tokenizer", String(tokenizer)]);
  if (device) rows.splice(-1, 0, ["device", `${device}: ${engine}`]);
  if (folder) rows.push(["checkpoint", folder]);
  return rows.map(([name, value]) => name.padEnd(12) + value).join("\n");
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

function short(value: number): string {
  return value.toPrecision(3);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
