/** Writes a comparison of methods into a folder: a table, and a figure with all that belongs to it. */

import type { ComparisonRow } from "./comparison.ts";
import type { Interval } from "../../evaluation/bootstrap.ts";
import { isOwnModel } from "../../figures/models.ts";
import type { ExportOptions } from "../../figures/export/figure_files.ts";
import { comparedLabel, comparisonFigure } from "./figure.ts";
import { type Provenance, writeFigure, writeTable } from "../report_files.ts";
import type { Cell, Table } from "../../tables/table.ts";

/** What is compared, for titles and captions. */
export interface ComparisonSubject {
  /** The pair's name. */
  readonly pair: string;
  /** Sizes of the scored windows. */
  readonly windows: { readonly context: number; readonly window: number };
  /** Name of the calibration text. */
  readonly calibration: string;
}

/**
 * The models on each text: perplexity, KL and first choices, and both of the former against the first
 * method with intervals over the same documents.
 *
 * @example
 * ```ts
 * import { comparisonTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const score = {
 *   ...{ text: "a.txt", variant: null, settings: null, perplexity: 20, kl: 0.1, agreement: 0.9 },
 *   ...{ againstFine: null, againstFirst: null, klAgainstFirst: null, bitsPerByte: 1.5 },
 * };
 * const rows = ["base", "fine", "initial"].map((method) => {
 *   return { ...score, method, drawn: "8 windows" };
 * });
 * const subject = {
 *   ...{ pair: "base → fine", calibration: "c.txt", windows: { context: 256, window: 128 } },
 * };
 * const table = comparisonTable(subject, rows);
 * assert.deepEqual(table.rows.map(([, model]) => model), ["base", "fine-tune", "initial"]);
 * ```
 */
export function comparisonTable(
  { pair, calibration }: ComparisonSubject,
  rows: readonly ComparisonRow[],
): Table {
  const [first] = rows.filter(({ method }) => !isOwnModel(method));
  const name = comparedLabel(first);
  const drawn = [...new Map(rows.map((row) => [row.text, row.drawn]))]
    .map(([text, units]) => `${text}: ${units}`).join(", ");
  return {
    title: `${pair}: compressed models compared`,
    note:
      `[95 % interval] over documents or windows, the same drawn for both (${drawn}). KL(fine ‖ ` +
      "model): lower is nearer to the fine-tune. Top-1: tokens whose first choice is the " +
      `fine-tune’s. Calibration text: ${calibration}.`,
    columns: [
      { name: "Text" },
      { name: "Model" },
      { name: "Perplexity", digits: 3 },
      { name: `Against ${name} (%)`, digits: 2 },
      { name: "KL (nats a token)", digits: 4 },
      { name: `KL against ${name} (%)`, digits: 2 },
      { name: "Top-1 (%)", digits: 1 },
      { name: "Bits per byte", digits: 3 },
    ],
    rows: rows.map((row): Cell[] => [
      row.text,
      comparedLabel(row),
      row.perplexity,
      inPercent(row.againstFirst),
      row.kl,
      inPercent(row.klAgainstFirst),
      100 * row.agreement,
      row.bitsPerByte,
    ]),
  };
}

/**
 * Writes `table-comparison` (CSV, Markdown, LaTeX) and `figure-comparison` (pictures, caption, CSV,
 * provenance).
 *
 * @returns the paths written
 * @throws {ReportError} if the figure cannot be drawn; of it only provenance is written then.
 * @throws {OutputError} if a file cannot be written.
 *
 * @example
 * ```ts
 * import { machineClass, packageVersions, writeComparison } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const score = {
 *   ...{ text: "a.txt", variant: null, settings: null, perplexity: 20, kl: 0.1, agreement: 0.9 },
 *   ...{ againstFine: null, againstFirst: null, klAgainstFirst: null, bitsPerByte: 1.5 },
 * };
 * const rows = ["base", "fine", "initial"].map((method) => {
 *   return { ...score, method, drawn: "8 windows" };
 * });
 * const subject = {
 *   ...{ pair: "base → fine", calibration: "c.txt", windows: { context: 256, window: 128 } },
 * };
 * const provenance = {
 *   ...{ protocol: {}, hashes: {}, versions: packageVersions(), seeds: [1] },
 *   ...{ engine: "onnxruntime-node", device: {}, machine: machineClass() },
 * };
 * const folder = await Deno.makeTempDir();
 * const options = { formats: ["svg"] } as const;
 * const paths = await writeComparison(folder, subject, rows, provenance, options);
 * assert.ok(paths.includes(`${folder}/table-comparison.csv`));
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeComparison(
  directory: string,
  subject: ComparisonSubject,
  rows: readonly ComparisonRow[],
  provenance: Provenance,
  options: ExportOptions = {},
): Promise<string[]> {
  const figure = comparisonFigure(subject.pair, rows);
  return [
    ...await writeFigure(
      directory,
      {
        name: "figure-comparison",
        figure,
        caption: caption(subject, rows),
        rows: rows.map(flat),
      },
      provenance,
      options,
    ),
    ...await writeTable(directory, "table-comparison", comparisonTable(subject, rows)),
  ];
}

function caption(
  { pair, windows: { context, window }, calibration }: ComparisonSubject,
  rows: readonly ComparisonRow[],
): string {
  const texts = [...new Set(rows.map(({ text }) => text))];
  const hasIntervals = rows.some(({ againstFine }) => againstFine !== null);
  return `Compressed models of ${pair} by text: mean KL from the fine-tune, and perplexity relative to ` +
    `the fine-tune's, in windows of ${window} tokens after ${context} of context; calibration ` +
    `text ${calibration}. Texts, from the left: ${texts.join(", ")}.` +
    (hasIntervals
      ? " Bars are 95 % bootstrap intervals, the same documents or windows drawn for both of what " +
        "is compared: for perplexity the fine-tune, for KL the first method, which has none."
      : "");
}

function inPercent(interval: Interval | null): Cell {
  if (interval === null) return null;
  const { value, low, high } = interval;
  return { value: 100 * value, low: 100 * low, high: 100 * high };
}

/** A row with the ends of its intervals beside them. */
function flat({ againstFine, againstFirst, klAgainstFirst, ...row }: ComparisonRow) {
  const ends = (name: string, interval: Interval | null) => ({
    [name]: interval?.value ?? null,
    [`${name}Low`]: interval?.low ?? null,
    [`${name}High`]: interval?.high ?? null,
  });
  return {
    ...row,
    ...ends("againstFine", againstFine),
    ...ends("againstFirst", againstFirst),
    ...ends("klAgainstFirst", klAgainstFirst),
  };
}
