/**
 * The study of methods beyond the published ones: every measurement, figure and table. What was measured before with the
 * same code, checkpoints and settings is not measured again.
 */

import { join } from "node:path";
import { resourceUsage } from "node:process";
import {
  beyondDigest,
  type BeyondPair,
  beyondPair,
  checkOutputs,
  chooseBeyondProtocol,
  type DeviceOptions,
  gatherBeyond,
  MeasurementStore,
  openEngine,
  OptionError,
  readBeyondPairs,
  runBeyond,
  type Watch,
  writeBeyondReport,
  writeChecksums,
} from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { describeDevice, withDeviceOptions } from "./device_options.ts";
import { keepNetworkForNames } from "./network.ts";
import { placesRead } from "./places.ts";
import {
  checkReplaceable,
  checkReplaceableReport,
  type ForceOption,
  withForce,
} from "./replaceable.ts";
import { measurementFolder } from "./study_options.ts";

interface Options extends DeviceOptions, ForceOption {
  profile: string;
  out: string;
  csv?: string;
  pair?: string[];
  pairs?: string;
}

const command = withForce(withDeviceOptions(
  script("beyond", "Measures methods beyond the study's, and writes figures, tables and numbers."),
))
  .option("--profile <name>", "full; quick: one pair, less text, one seed", "full")
  .option("--out <folder>", "folder of measurements, figures and tables", "results/beyond")
  .option("--csv <file>", "file of all numbers; default: methods.csv in --out")
  .option(
    "--pair <words...>",
    "a pair of your own in the place of the embedded ones: name, base, fine-tune, and perhaps what " +
      "it is for, of code, health, finance and wikitext",
  )
  .option("--pairs <file>", "pairs of your own with their texts, as a JSON file names them");

await keepNetworkForNames();
await runScript<Options>(command, async (options, watch) => {
  const started = performance.now();
  const { out, csv, profile } = options;
  const pairs = await ownPairs(options, watch);
  const protocol = chooseBeyondProtocol({ profile, pairs }, "--");
  const ofPairs = protocol.pairs.flatMap(({ base, fine }) => [base, fine])
    .map((path) => ({ option: options.pair ? "--pair" : "--pairs", path }));
  await checkOutputs(
    [
      { option: "--out", path: out, kind: "folder" },
      { option: "--out", path: measurementFolder(options), kind: "folder" },
      ...csv === undefined ? [] : [{ option: "--csv", path: csv, kind: "file" } as const],
    ],
    [...placesRead({ pairs: options.pairs }), ...ofPairs],
  );
  await checkReplaceableReport(out, "--out", options);
  if (csv !== undefined) await checkReplaceable(csv, "--csv", isNumbers, options);
  const engine = await openEngine(options);
  const store = new MeasurementStore(measurementFolder(options));
  const { measurements, made } = await runBeyond({ protocol, store, engine, ...watch });
  const results = gatherBeyond(measurements, protocol);
  const paths = await writeBeyondReport(out, results, { ...watch, csv });
  await writeChecksums(out, paths);
  const seconds = (performance.now() - started) / 1000;
  const peak = resourceUsage().maxRSS / 2 ** 20;
  return [
    ...beyondDigest(results),
    `${measurements.length} measurements, ${made} of them made now; ${seconds.toFixed(0)} s, ` +
    `${peak.toFixed(2)} GiB of memory at most`,
    `computed ${describeDevice(engine)}`,
    `${paths.length} files: ${join(out, "figure-*")}, ${join(out, "table-*")}, ` +
    (csv ?? join(out, "methods.csv")),
  ].join("\n");
});

/** @throws {OptionError} if pairs are named twice, or words name none. */
async function ownPairs(
  { pair, pairs }: Options,
  watch: Watch,
): Promise<readonly BeyondPair[] | undefined> {
  if (pair === undefined) {
    return pairs === undefined ? undefined : await readBeyondPairs(pairs, watch);
  }
  if (pairs === undefined) return [beyondPair(pair, "--pair")];
  throw new OptionError({
    problem: "is given beside a pair",
    option: "--pairs",
    value: pairs,
    expected: "one or the other",
  });
}

/** A file of numbers that this script wrote. */
async function isNumbers(path: string): Promise<boolean> {
  return (await Deno.readTextFile(path)).startsWith("pair,domain,method,settings,seed,");
}
