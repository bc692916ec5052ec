/** Draws all figures and tables again from stored measurements; measures nothing. */

import {
  checkDpi,
  checkFigureOptions,
  type FigureFormat,
  figureFormats,
  type FigurePanels,
  type FigureWidth,
  gatherResults,
  OptionError,
  pngDpi,
  runStudy,
  type ThemeName,
  writeChecksums,
  writeStudyReport,
} from "../lib/mod.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { keepNetworkForNames } from "./network.ts";
import { checkReplaceableReport, type ForceOption, withForce } from "./replaceable.ts";
import {
  measurementFolder,
  type StudyCommandOptions,
  studyOptions,
  withStudyOptions,
} from "./study_options.ts";

interface Options extends StudyCommandOptions, ForceOption {
  to?: string;
  format: string;
  width: FigureWidth;
  theme: ThemeName;
  panels: FigurePanels;
  dpi: number;
}

const command = withForce(withStudyOptions(
  script("figures", "Draws the figures and tables of a finished run again, for a paper or slides."),
))
  .option("--to <folder>", "folder for the figures; default: the same as --out")
  .option("--format <list>", "any of svg, pdf, png", figureFormats.join(","))
  .option("--width <width>", "column (85 mm), page (175 mm), or a width like 84mm or 3.3in", "page")
  .option("--theme <name>", "paper: 8 pt type; talk: larger type and lines, for slides", "paper")
  .option("--panels <which>", "all: ours beside the published ones; measured: ours alone", "all")
  .option("--dpi <number>", "pixels an inch of PNG files, 50 to 1200", wholeNumber(1), pngDpi);

await keepNetworkForNames();

await runScript<Options>(command, async ({ format, dpi, ...options }, watch) => {
  const { width, theme, panels } = options;
  // Before anything is read, so that a slip costs no time.
  checkFigureOptions({ width, theme, panels }, "--");
  checkDpi(dpi, "--dpi");
  const formats = formatsOf(format);
  const folder = options.to ?? options.out;
  const option = options.to === undefined ? "--out" : "--to";
  const study = await studyOptions(
    options,
    [{ option, path: folder, kind: "folder" }],
    [{ option: "--out", path: measurementFolder(options) }],
    watch,
  );
  await checkReplaceableReport(folder, option, options);
  const { measurements } = await runStudy({ ...study, ...watch, measureMissing: false });
  const results = gatherResults(measurements, study.protocol.bootstrapSeed);
  const paths = await writeStudyReport(folder, results, study.protocol, {
    ...watch,
    ...{ formats, width, theme, panels, dpi },
  });
  await writeChecksums(folder, paths);
  return `${paths.length} files in '${folder}'`;
});

/** @throws {OptionError} if a name in the list is of no format. */
function formatsOf(list: string): FigureFormat[] {
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(figureFormats as readonly string[]).includes(name));
  if (unknown === undefined) return figureFormats.filter((format) => names.includes(format));
  throw new OptionError({
    problem: "names no format",
    option: "--format",
    value: unknown,
    expected: `a list of ${figureFormats.join(", ")}, with commas between`,
  });
}
