/**
 * Several methods on one pair and several texts, side by side: one table, one figure. Any Llama or
 * Mistral folders, and texts of the user's own.
 */

import { basename } from "node:path";
import { Option } from "commander";
import type { CalibrationMethod, Variant } from "../lib/calibration/calibrate.ts";
import { checkOutputs } from "../lib/check_output.ts";
import { type ComparedMethod, compareMethods } from "../lib/comparison.ts";
import { type DeviceOptions, openEngine } from "../lib/device.ts";
import {
  CALIBRATION_TEXT,
  namedCalibrationTexts,
  namedDocuments,
} from "../lib/domains/named_text.ts";
import { OptionError } from "../lib/errors.ts";
import type { WindowProtocol } from "../lib/evaluation/windows.ts";
import { Pair } from "../lib/pair.ts";
import { comparisonTable, writeComparison } from "../lib/report/comparison_report.ts";
import { machineClass, packageVersions } from "../lib/report/study_provenance.ts";
import { tableToMarkdown } from "../lib/report/tables/markdown.ts";
import { sha256 } from "../lib/study/measurement.ts";
import { embeddedProtocol } from "../lib/study/protocol.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { describeDevice, withDeviceOptions } from "./device_options.ts";
import { placesRead } from "./places.ts";
import { checkReplaceableReport, type ForceOption, withForce } from "./replaceable.ts";

interface Options extends WindowProtocol, DeviceOptions, ForceOption {
  base: string;
  fine: string;
  text: string[];
  methods: ComparedMethod["kind"][];
  variant: Variant | "both";
  calibration: string;
  rows: number;
  steps: number;
  batch: number;
  seed: number;
  limit?: number;
  out: string;
}

const { windows, bootstrapSeed, distillation, tableCalibrationSize } = embeddedProtocol;
const methods: ComparedMethod["kind"][] = ["initial", "activation-aware", "distilled"];

const command = withForce(
  withDeviceOptions(script("compare", "Compares methods on a pair and texts of your own.")),
)
  .requiredOption("--base <folder>", "the base's checkpoint")
  .requiredOption("--fine <folder>", "the fine-tune's checkpoint")
  .requiredOption(
    "--text <names...>",
    "texts to score: files (.txt, .jsonl), or code, health, finance or wikitext",
  )
  .addOption(
    new Option("--methods <names...>", "what is compared; the others are held against the first")
      .choices(methods).default(methods),
  )
  .addOption(
    new Option("--variant <name>", "as the study's code ran them, with its faults mended, or both")
      .choices(["corrected", "study-faithful", "both"]).default("corrected"),
  )
  .option("--calibration <name>", "calibration text: as --text, or the embedded", CALIBRATION_TEXT)
  .option("--rows <number>", "activation-aware: token rows", wholeNumber(1), tableCalibrationSize)
  .option("--steps <number>", "distilled: steps", wholeNumber(1), distillation.steps)
  .option("--batch <number>", "distilled: sequences of a step", wholeNumber(1), distillation.batch)
  .option("--seed <number>", "order of the calibration text", wholeNumber(0), 1)
  .option("--limit <number>", "documents of a text at most, its first", wholeNumber(1))
  .option("--context <number>", "tokens before the scored ones", wholeNumber(0), windows.context)
  .option("--window <number>", "tokens scored at once", wholeNumber(1), windows.window)
  .option("--out <folder>", "folder for the table and the figure", "results/comparison");

await runScript<Options>(command, async (options, watch) => {
  const { base, fine, calibration, seed, context, window, limit, out } = options;
  const read = options.text.flatMap((text) => placesRead({ base, fine, text }));
  if (calibration !== CALIBRATION_TEXT) read.push({ option: "--calibration", path: calibration });
  await checkOutputs([{ option: "--out", path: out, kind: "folder" }], read);
  await checkReplaceableReport(out, "--out", options);
  refuseScoredCalibration(options);
  const compared = options.methods.flatMap((kind) => variantsOf(kind, options));
  const texts = await Promise.all(options.text.map(async (name) => ({
    name: shortName(name, options.text),
    documents: (await namedDocuments(name)).slice(0, limit),
  })));
  const passages = await namedCalibrationTexts(calibration, seed);
  const engine = await openEngine(options);
  await using pair = await Pair.open(base, fine, { engine, windows: { context, window } });
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
      : basename(calibration),
  };
  const paths = await writeComparison(out, subject, rows, {
    protocol: {
      ...subject,
      texts: texts.map(({ name }) => name),
      methods: compared.map((method) => ({ ...method })),
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
    `${paths.length} files in '${out}'; computed ${describeDevice(engine)}.`;
}, "nothing was written");

function variantsOf(
  kind: ComparedMethod["kind"],
  { variant, rows, steps, batch }: Options,
): ComparedMethod[] {
  if (kind === "initial") return [{ kind }];
  const variants: Variant[] = variant === "both" ? ["study-faithful", "corrected"] : [variant];
  return variants.map((variant): CalibrationMethod =>
    kind === "distilled" ? { kind, variant, steps, batch } : { kind, variant, rows }
  );
}

/** A file's name without its folder, where no other text has the same. */
function shortName(name: string, all: readonly string[]): string {
  const alike = all.filter((each) => basename(each) === basename(name));
  return alike.length === 1 ? basename(name) : name;
}

/** @throws {OptionError} if a text is both calibrated with and scored. */
function refuseScoredCalibration({ calibration, text }: Options): void {
  if (!text.includes(calibration)) return;
  throw new OptionError({
    problem: "is scored too",
    option: "--calibration",
    value: calibration,
    expected: "a text that is not among --text",
  });
}
