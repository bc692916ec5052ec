/** Draws all figures and tables again from stored measurements; measures nothing. */

import { writeStudyReport } from "../lib/report/study_report.ts";
import { runStudy } from "../lib/study/run.ts";
import { runScript, script } from "./command_line.ts";
import { type StudyCommandOptions, studyOptions, withStudyOptions } from "./study_options.ts";

interface Options extends StudyCommandOptions {
  to?: string;
}

const command = withStudyOptions(
  script("figures", "Draws the figures and tables of a finished run again."),
).option("--to <folder>", "folder for the figures; default: the same as --out");

await runScript<Options>(command, async (options, watch) => {
  const study = await studyOptions(options);
  const { measurements } = await runStudy({ ...study, ...watch, measureMissing: false });
  const folder = options.to ?? options.out;
  const paths = await writeStudyReport(folder, measurements, study.protocol, watch);
  return `${paths.length} files in '${folder}'`;
});
