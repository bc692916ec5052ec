/** The options that say which part of a text is read, and what a text may be. */

import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { describeOrigin, parseRows, type TextChoice, type TextOrigin } from "../lib/mod.ts";

/** What an option takes that names a text. */
export const A_TEXT = "a file (prose, a table, or JSON lines, gzipped or not), a folder or " +
  "hf:owner/name[@revision][/path] of a data set, or code, health, finance or wikitext";

/** Which part of a text is read. */
export interface TextOptions {
  column?: string;
  split?: string;
  textRows?: TextChoice["rows"];
  keepBlankRows?: boolean;
  wholeRows?: boolean;
}

/** The same of a calibration text that stands beside others. */
export interface CalibrationOptions {
  calibrationColumn?: string;
  calibrationSplit?: string;
  calibrationRows?: TextChoice["rows"];
}

/** Adds the options of the texts that `--text` names. */
export function withTextOptions(command: Command): Command {
  return command
    .option("--column <name>", "column of the text; default: text, else content, else sentence")
    .option("--split <name>", "of a data set: train, validation, test or what it has")
    .option("--text-rows <rows>", "the first so many rows of a text, or from:to, from 0", rows)
    .option("--keep-blank-rows", "rows of blank text too, as the study scores them");
}

/** Adds the same for `--calibration`. */
export function withCalibrationOptions(command: Command): Command {
  return command
    .option("--calibration-column <name>", "as --column, of the calibration text")
    .option("--calibration-split <name>", "as --split, of the calibration text")
    .option("--calibration-rows <rows>", "as --text-rows, of the calibration text", rows);
}

/** A text as the options have it. */
export function textChoice(
  source: string,
  { column, split, textRows, keepBlankRows, wholeRows }: TextOptions,
): TextChoice {
  return { source, column, split, rows: textRows, keepBlankRows, wholeRows };
}

/** A calibration text as the options have it. */
export function calibrationChoice(
  source: string,
  { calibrationColumn, calibrationSplit, calibrationRows }: CalibrationOptions,
): TextChoice {
  return {
    source,
    column: calibrationColumn,
    split: calibrationSplit,
    rows: calibrationRows,
  };
}

/** What was read of texts with rows, a line each; `""` where there are none. */
export function originNotes(origins: readonly TextOrigin[]): string {
  return origins.filter(({ rows }) => rows !== undefined)
    .map((origin) => `Read: ${describeOrigin(origin)}.`).join("\n");
}

function rows(text: string): TextChoice["rows"] {
  try {
    return parseRows(text);
  } catch {
    throw new InvalidArgumentError("expected how many rows, or from:to, from 0, without the last.");
  }
}
