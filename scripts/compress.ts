/**
 * From a base and its fine-tune to a delta in a file, by any method. Any Llama, Mistral or Qwen folders; the
 * embedded calibration text or one's own.
 */

import {
  bitsPerWeight,
  CALIBRATION_TEXT,
  type CalibrationSequences,
  checkOutputs,
  checkSave,
  type CompressedFile,
  deltaBytes,
  describeOrigin,
  type DeviceOptions,
  formatBytes,
  linearCount,
  type MethodChoice,
  nameFile,
  openEngine,
  OptionError,
  type Output,
  Pair,
  pairNotes,
  portableOrigin,
  readCalibrationTexts,
  readsText,
  resolveMethod,
  saveCheckpoint,
  type Settings,
  TextError,
  type TextOrigin,
  type Watch,
  weightBytes,
} from "../lib/mod.ts";
import { runScript, script, SEED } from "./command_line.ts";
import { memoryNotes, withDeviceOptions } from "./device_options.ts";
import { chosenMethods, withMethodOptions } from "./method_options.ts";
import { keepNetworkForNames } from "./network.ts";
import { A_CHECKPOINT, placesRead } from "./places.ts";
import {
  CHECKPOINT_MARK,
  checkReplaceable,
  checkReplaceableCheckpoint,
  type ForceOption,
  isDelta,
  withForce,
} from "./replaceable.ts";
import {
  describedAs,
  type DtypeOption,
  floatType,
  savedRows,
  withDtype,
} from "./saved_checkpoint.ts";
import { A_TEXT, textChoice, type TextOptions, withTextOptions } from "./text_options.ts";

interface Options extends DeviceOptions, DtypeOption, ForceOption, TextOptions {
  base: string;
  fine: string;
  text: string;
  seed: number;
  out: string;
  state?: string;
  saveCheckpoint?: string;
}

interface Compressed extends CompressedFile {
  /** What was read to calibrate with; `null` without a text. */
  readonly sequences: CalibrationSequences | null;
  /** Where that came from. */
  readonly origin: TextOrigin | null;
}

const command = withTextOptions(withDeviceOptions(withMethodOptions(
  script("compress", "Compresses a fine-tune to about one bit a weight beside its base.")
    .requiredOption("--base <name>", `the base's ${A_CHECKPOINT}`)
    .requiredOption("--fine <name>", `the fine-tune's ${A_CHECKPOINT}`),
)))
  .option(
    "--text <name>",
    `calibration text: ${A_TEXT}, or the embedded one`,
    CALIBRATION_TEXT,
  )
  .option(
    "--whole-rows",
    "rows of the calibration text uncut, and with seed 1 in their order, as the study read C4",
  )
  .option("--seed <number>", "order of the calibration text", SEED, 1)
  .requiredOption("--out <file>", "the delta, a safetensors file")
  .option(
    "--state <file>",
    "where an unfinished run is kept for the same command to go on from; default: beside the delta for " +
      "a large pair, unless the method trains",
  )
  .option("--save-checkpoint <folder>", "also the base with the delta applied, as a whole model");
withForce(withDtype(command));

/** Whether the delta is in its place. */
let isWritten = false;

await keepNetworkForNames();
await runScript<Options>(command, async (options, watch) => {
  const started = performance.now();
  const [choice] = chosenMethods(command);
  await checkPlaces(options);
  const engine = await openEngine(options);
  await using pair = await Pair.open(options.base, options.fine, { engine, ...watch });
  const { saveCheckpoint: folder } = options;
  const saving = {
    ...await pair.saveOptions(floatType(options)),
    metadata: { [CHECKPOINT_MARK]: choice.method },
  };
  if (folder !== undefined) await checkSave(folder, pair.fine.config, saving);
  const compressed = await compress(pair, choice, options, watch);
  using delta = compressed.delta;
  isWritten = true;
  const saved = folder === undefined
    ? null
    : await saveCheckpoint(folder, await pair.apply(delta), {
      ...saving,
      ...await describedAs(delta, pair, options),
      ...watch,
    });
  // A closed form's is gone by then.
  if (options.state !== undefined && isThere(options.state)) await Deno.remove(options.state);
  const seconds = (performance.now() - started) / 1000;
  const rows = summary(choice, options, compressed, weightBytes(pair.fine), seconds);
  if (saved) rows.push(...savedRows(folder!, options, saved));
  rows.push(...pairNotes(pair.base, pair.fine).map((note): Row => ["pair", note]));
  const memory = memoryNotes(engine).map((note): Row => ["memory", note]);
  return [...rows, ...memory].map(([name, value]) => name.padEnd(12) + value).join("\n");
}, ({ out, state = `${out}.journal` }) => {
  if (isWritten) return `the delta was written to '${out}', and no checkpoint`;
  const left = isThere(state) ? `; the same command goes on from what '${state}' keeps` : "";
  return `no delta was written${left}`;
});

/** Fails before the work where writing would fail after it, or would replace what is compressed. */
async function checkPlaces(options: Options): Promise<void> {
  const { base, fine, text, out, state, saveCheckpoint: folder } = options;
  const outputs: Output[] = [{ option: "--out", path: out }];
  if (state !== undefined) outputs.push({ option: "--state", path: state });
  if (folder !== undefined) {
    outputs.push({ option: "--save-checkpoint", path: folder, kind: "folder" });
  } else if (command.getOptionValueSource("dtype") !== "default") {
    throw new OptionError({
      problem: "is of a model that is not written",
      option: "--dtype",
      value: options.dtype,
      expected: "--save-checkpoint beside it",
    });
  }
  if (/\.(pt|pth|bin)$/.test(out)) {
    throw new OptionError({
      problem: "is named as PyTorch's files are, and is none",
      option: "--out",
      value: out,
      expected: "a name in .safetensors; `deno task convert` makes the study's diff.pt of it",
    });
  }
  await checkOutputs(outputs, placesRead({ base, fine, text }));
  await checkReplaceable(out, "--out", isDelta, options);
  if (folder !== undefined) {
    await checkReplaceableCheckpoint(folder, "--save-checkpoint", options);
  }
}

function isThere(file: string): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
}

/** A method that reads no text is held to one that is asked for all the same. */
async function compress(
  pair: Pair,
  choice: MethodChoice,
  options: Options,
  watch: Watch,
): Promise<Compressed> {
  const { text, seed, state, out } = options;
  const isGiven = command.getOptionValueSource("text") !== "default";
  return await nameFile(text, TextError, async () => {
    const read = readsText(choice) || isGiven
      ? await readCalibrationTexts(textChoice(text, options), seed, watch)
      : null;
    const sequences = read && await pair.sequences(read.texts, watch);
    const notes = readsText(choice) ? await notesOn(pair, choice, read!.origin, seed) : undefined;
    const compressed = await pair.compressToFile(out, choice, sequences, {
      ...watch,
      state,
      notes,
    });
    return {
      ...compressed,
      sequences: readsText(choice) ? sequences : null,
      origin: read && read.origin,
    };
  });
}

/** What a delta's file tells of a calibration beside the method's settings. */
async function notesOn(
  pair: Pair,
  choice: MethodChoice,
  origin: TextOrigin,
  seed: number,
): Promise<Settings> {
  const { name, details } = pair.engine;
  const { variant } = resolveMethod(choice);
  const lent = await pair.lentTokenizer();
  return {
    ...variant === null ? {} : { variant },
    text: readFrom(origin),
    ...lent === null ? {} : { tokenizer: lent },
    seed,
    engine: name,
    device: `${details.device} (${details.chosen})`,
  };
}

/** Where a text came from; of a path the name alone: a delta goes from machine to machine. */
function readFrom(origin: TextOrigin): string {
  return describeOrigin(portableOrigin(origin));
}

type Row = [name: string, value: string];

function summary(
  choice: MethodChoice,
  { out }: Options,
  { delta, losses, sequences, resumption, origin }: Compressed,
  fineBytes: number,
  seconds: number,
): Row[] {
  const { method, variant, settings } = resolveMethod(choice);
  const bytes = deltaBytes(delta);
  const rows: Row[] = [
    ["method", variant === null ? method.name : `${method.name}, ${variant}`],
  ];
  if (losses.length > 0) {
    const tenth = Math.ceil(losses.length / 10);
    const [first, last] = [losses.slice(0, tenth), losses.slice(-tenth)].map(mean);
    rows.push([
      "loss",
      `${short(first)} to ${short(last)}, first and last tenth of the steps`,
    ]);
  }
  rows.push(
    ["layers", `${linearCount(delta)}, at ${bitsPerWeight(delta).toFixed(3)} bits a weight`],
    [
      "size",
      `${formatBytes(bytes)}, ${(100 * bytes / fineBytes).toFixed(1)} % of the fine-tune's ` +
      `${formatBytes(fineBytes)}`,
    ],
  );
  if (sequences && origin) {
    const batch = method.kind === "trained" ? method.batch(settings) : 0;
    const times = short(losses.length * batch / sequences.count);
    const often = losses.length > 0 ? `, each read ${times} times` : "";
    rows.push(["text", `${readFrom(origin)}, ${sequences.count} sequences${often}`]);
  }
  const { layers = 0, anew = null } = resumption ?? {};
  const before = layers > 0 ? `, ${layers} layers by an earlier run` : "";
  rows.push(["time", `${seconds.toFixed(1)} s${before}`]);
  if (anew !== null) rows.push(["begun anew", `not from what an earlier run left: ${anew}`]);
  const { device, engine, tokenizer } = delta.metadata.settings;
  if (tokenizer) rows.push(["tokenizer", String(tokenizer)]);
  if (device) rows.push(["device", `${device}: ${engine}`]);
  rows.push(["delta", out]);
  return rows;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

function short(value: number): string {
  return value.toPrecision(3);
}
