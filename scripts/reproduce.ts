/**
 * The whole study: every measurement, figure and table. What was measured before with the same code,
 * checkpoints and settings is not measured again.
 */

import { join } from "node:path";
import { resourceUsage } from "node:process";
import {
  gatherResults,
  runStudy,
  studyDigest,
  writeChecksums,
  writeStudyReport,
} from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { describeDevice } from "./device_options.ts";
import { checkReplaceableReport, type ForceOption, withForce } from "./replaceable.ts";
import { keepNetworkForNames } from "./network.ts";
import {
  measurementFolder,
  type StudyCommandOptions,
  studyOptions,
  withStudyOptions,
} from "./study_options.ts";

const command = withForce(
  withStudyOptions(script("reproduce", "Runs the study and writes its figures and tables.")),
);

await keepNetworkForNames();
await runScript<StudyCommandOptions & ForceOption>(command, async (options, watch) => {
  const started = performance.now();
  const study = await studyOptions(
    options,
    [
      { option: "--out", path: options.out, kind: "folder" },
      { option: "--out", path: measurementFolder(options), kind: "folder" },
    ],
    [],
    watch,
  );
  await checkReplaceableReport(options.out, "--out", options);
  const { measurements, made } = await runStudy({ ...study, ...watch });
  const results = gatherResults(measurements, study.protocol.bootstrapSeed);
  const paths = await writeStudyReport(options.out, results, study.protocol, watch);
  await writeChecksums(options.out, paths);
  const seconds = (performance.now() - started) / 1000;
  const peak = resourceUsage().maxRSS / 2 ** 20;
  return [
    ...studyDigest(results, study.protocol),
    `${measurements.length} measurements, ${made} of them made now; ${seconds.toFixed(0)} s, ` +
    `${peak.toFixed(2)} GiB of memory at most`,
    `computed ${describeDevice(study.engine)}`,
    `${paths.length} files: ${join(options.out, "figure-*")}, ${join(options.out, "table-*")}`,
  ].join("\n");
});
