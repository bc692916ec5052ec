/**
 * The whole study: every measurement, figure and table. What was measured before with the same code,
 * checkpoints and settings is not measured again.
 */

import { resourceUsage } from "node:process";
import { writeStudyReport } from "../lib/report/study_report.ts";
import { runStudy } from "../lib/study/run.ts";
import { runScript, script } from "./command_line.ts";
import { describeDevice } from "./device_options.ts";
import { type StudyCommandOptions, studyOptions, withStudyOptions } from "./study_options.ts";

const command = withStudyOptions(
  script("reproduce", "Runs the study and writes its figures and tables."),
);

await runScript<StudyCommandOptions>(command, async (options, watch) => {
  const started = performance.now();
  const study = await studyOptions(options);
  const { measurements, made } = await runStudy({ ...study, ...watch });
  const paths = await writeStudyReport(options.out, measurements, study.protocol, watch);
  const tables = await Promise.all(
    ["table-1-perplexity", "table-claims"].map((name) =>
      Deno.readTextFile(`${options.out}/${name}.md`)
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  const peak = resourceUsage().maxRSS / 2 ** 20;
  const summary = `${measurements.length} measurements, ${made} of them made now, and ` +
    `${paths.length} files in '${options.out}'; ${seconds.toFixed(0)} s, ` +
    `${peak.toFixed(2)} GiB of memory at most; ${describeDevice(study.engine)}.`;
  return [...tables, summary].join("\n");
});
