/**
 * Several methods on one pair and several texts, side by side: one table, one figure. Any Llama or
 * Mistral folders, and texts of the user's own.
 */

import { resolve, sep } from "node:path";
import {
  CALIBRATION_TEXT,
  calibrationTextsOf,
  checkOutputs,
  compareMethods,
  comparisonTable,
  contentOf,
  type DeviceOptions,
  embeddedProtocol,
  isHubName,
  lentNote,
  machineClass,
  openEngine,
  OptionError,
  packageVersions,
  Pair,
  portableOrigin,
  readCalibrationTexts,
  readText,
  resolveMethod,
  sha256,
  shortOrigin,
  studyMethods,
  tableToMarkdown,
  type TextDocument,
  type WindowProtocol,
  writeComparison,
} from "../lib/mod.ts";
import { runScript, script, SEED, wholeNumber } from "./command_line.ts";
import { describeDevice, withDeviceOptions } from "./device_options.ts";
import { chosenMethods, withMethodsOptions } from "./method_options.ts";
import { keepNetworkForNames } from "./network.ts";
import { A_CHECKPOINT, placesRead } from "./places.ts";
import { checkReplaceableReport, type ForceOption, withForce } from "./replaceable.ts";
import {
  A_TEXT,
  calibrationChoice,
  type CalibrationOptions,
  originNotes,
  textChoice,
  type TextOptions,
  withCalibrationOptions,
  withTextOptions,
} from "./text_options.ts";

interface Options
  extends WindowProtocol, DeviceOptions, ForceOption, TextOptions, CalibrationOptions {
  base: string;
  fine: string;
  text: string[];
  methods: string[];
  calibration: string;
  seed: number;
  limit?: number;
  out: string;
}

const { windows, bootstrapSeed } = embeddedProtocol;

const command = withForce(
  withCalibrationOptions(withTextOptions(withDeviceOptions(withMethodsOptions(
    script(
      "compare",
      "Compares methods on a pair and texts of your own; the others against the first.",
    ),
    // What sees weights alone is what the others are held against.
    [studyMethods.start, studyMethods.proposed, studyMethods.standard],
  )))),
)
  .requiredOption("--base <name>", `the base's ${A_CHECKPOINT}`)
  .requiredOption("--fine <name>", `the fine-tune's ${A_CHECKPOINT}`)
  .requiredOption(
    "--text <names...>",
    `texts to score: ${A_TEXT}`,
  )
  .option("--calibration <name>", "calibration text: as --text, or the embedded", CALIBRATION_TEXT)
  .option("--seed <number>", "order of the calibration text", SEED, 1)
  .option("--limit <number>", "documents of a text at most, its first", wholeNumber(1))
  .option("--context <number>", "tokens before the scored ones", wholeNumber(0), windows.context)
  .option("--window <number>", "tokens scored at once", wholeNumber(1), windows.window)
  .option("--out <folder>", "folder for the table and the figure", "results/comparison");

await keepNetworkForNames();
await runScript<Options>(command, async (options, watch) => {
  const { base, fine, calibration, seed, context, window, limit, out } = options;
  const read = options.text.flatMap((text) => placesRead({ base, fine, text }));
  if (calibration !== CALIBRATION_TEXT) read.push(...placesRead({ calibration }));
  await checkOutputs([{ option: "--out", path: out, kind: "folder" }], read);
  await checkReplaceableReport(out, "--out", options);
  checkDistinct("--methods", options.methods);
  checkDistinct("--text", options.text);
  const compared = chosenMethods(command);
  const whole = await Promise.all(
    options.text.map((text) => readText(textChoice(text, options), watch)),
  );
  // Read once: it may be a pipe.
  const chosen = calibrationChoice(calibration, options);
  const own = calibration === CALIBRATION_TEXT ? null : await readText(chosen, watch);
  if (own) refuseScoredCalibration(options, own.documents, whole.map((each) => each.documents));
  const texts = options.text.map((name, index) => ({
    name: isHubName(name) ? shortOrigin(whole[index].origin) : shortName(name, options.text),
    documents: whole[index].documents.slice(0, limit),
  }));
  checkDistinct("--text", texts.map(({ name }) => name));
  const passages = own
    ? calibrationTextsOf(own, chosen, seed)
    : (await readCalibrationTexts(chosen, seed)).texts;
  const origins = [...whole, ...own ? [own] : []].map(({ origin }) => origin);
  const notes = originNotes(origins);
  const engine = await openEngine(options);
  await using pair = await Pair.open(base, fine, {
    engine,
    windows: { context, window },
    ...watch,
  });
  const lent = lentNote(await pair.fine.tokenizerPlace(pair.base), pair.fine.directory);
  const rows = await compareMethods(pair, {
    methods: compared,
    texts,
    calibration: passages,
    bootstrapSeed,
    ...watch,
  });
  const subject = {
    pair: `${pair.base.name} → ${pair.fine.name}`,
    windows: { context, window },
    calibration: calibration === CALIBRATION_TEXT
      ? embeddedProtocol.texts.calibration
      : isHubName(calibration)
      ? shortOrigin(own!.origin)
      : shortName(calibration, []),
  };
  const paths = await writeComparison(out, subject, rows, {
    protocol: {
      ...subject,
      ...(pair.base.origin === null ? {} : { base: pair.base.origin }),
      ...(pair.fine.origin === null ? {} : { fine: pair.fine.origin }),
      texts: texts.map(({ name }) => name),
      read: JSON.parse(JSON.stringify(origins.map(portableOrigin))),
      methods: compared.map(resolveMethod).map(({ method, variant, settings }) => ({
        method: method.name,
        variant,
        settings,
      })),
      limit: limit ?? null,
      bootstrapSeed,
    },
    hashes: {
      "base": await pair.base.hash(),
      "fine-tune": await pair.fine.hash(),
      "calibration text": sha256(JSON.stringify(passages)),
      ...Object.fromEntries(
        texts.map(({ name, documents }) => [`text: ${name}`, sha256(JSON.stringify(documents))]),
      ),
    },
    versions: packageVersions(),
    engine: engine.name,
    device: JSON.parse(JSON.stringify(engine.details)),
    seeds: [seed],
    machine: machineClass(),
  }, watch);
  return `${tableToMarkdown(comparisonTable(subject, rows)).trimEnd()}\n\n` +
    `${paths.length} files in '${out}'; computed ${describeDevice(engine)}.` +
    `${notes && `\n${notes}`}${lent && `\n${lent}`}`;
}, "nothing was written");

/** A file's name, with as many of its folders as tell it from the other texts; a pipe's whole path. */
function shortName(name: string, all: readonly string[]): string {
  if (name.startsWith("/dev/")) return name;
  const [own, ...others] = [name, ...all.filter((each) => each !== name)]
    .map((each) => resolve(each).split(sep));
  const tail = (parts: readonly string[], length: number) => parts.slice(-length).join(sep);
  const lengths = own.map((_, index) => index + 1);
  const least = lengths.find((length) =>
    others.every((other) => tail(other, length) !== tail(own, length))
  );
  return least === undefined ? name : tail(own, least);
}

/** @throws {OptionError} if a text is both calibrated with and scored, under whatever name. */
function refuseScoredCalibration(
  { calibration, text }: Options,
  own: readonly TextDocument[],
  scored: readonly (readonly TextDocument[])[],
): void {
  const seen = contentOf(own);
  const index = scored.findIndex((documents) => contentOf(documents) === seen);
  if (index < 0) return;
  throw new OptionError({
    problem: `is scored too, as '${text[index]}'`,
    option: "--calibration",
    value: calibration,
    expected: "a text that is not among --text",
  });
}

/** @throws {OptionError} if a name is there twice. */
function checkDistinct(option: string, names: readonly string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated === undefined) return;
  throw new OptionError({
    problem: "has one twice",
    option,
    value: repeated,
    expected: "one or more, each once",
  });
}
