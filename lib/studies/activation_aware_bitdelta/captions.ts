/**
 * What stands below a figure in a paper: what it shows, on which pair, by which protocol, and what
 * its intervals mean. Plain text: `tables/latex.ts` sets it, and `escapeMarkdown` makes Markdown of it.
 */

import type { Domain } from "../../texts/domains.ts";
import { figurePair, type Protocol } from "./protocol.ts";
import { modelLook, type ModelName } from "../../figures/models.ts";
import { domainNames } from "./names.ts";
import { type CalibrationSizeRow, furtherModels, type WallClockRow } from "./rows.ts";

/**
 * Caption of Figure 1; without published rows, of our panel alone.
 *
 * @example
 * ```ts
 * import {
 *   chooseProtocol,
 *   publishedWallClockRows,
 *   readPublishedNumbers,
 *   wallClockCaption,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * const rows = publishedWallClockRows(published);
 * const protocol = chooseProtocol({ profile: "quick" });
 * assert.match(wallClockCaption(protocol, [], rows), /[Bb]atch/);
 * ```
 */
export function wallClockCaption(
  protocol: Protocol,
  rows: readonly WallClockRow[],
  published: readonly WallClockRow[],
): string {
  const { steps, repeats } = protocol.wallClock;
  return sentences([
    "Wall clock of a calibration against its batch size, lower is better; both axes are logarithmic",
    `Measured here: ${figurePair(protocol).name}, protocol “${protocol.name}”, methods as the ` +
    `study ran them, distillation of ${counted(steps, "step")}, activation-aware scales from ` +
    `${protocol.tableCalibrationSize} rows`,
    besideTheStudy(rows),
    repeats > 1
      ? `Points are medians of ${
        counted(repeats, "repeat")
      }, bars go from the fastest to the slowest`
      : "Each point was timed once",
    published.length > 0
      ? `Published: the study’s own numbers for ${published[0].pair}, timed once on other hardware`
      : "",
    published.some(({ seconds }) => seconds === null) ||
      rows.some(({ seconds }) => seconds === null)
      ? "A cross marks a batch size that ran out of memory"
      : "",
  ]);
}

/**
 * Caption of the figure of one domain, of Figures 2–5; without published rows, of our panels alone.
 *
 * @example
 * ```ts
 * import {
 *   calibrationSizeCaption,
 *   chooseProtocol,
 *   publishedCalibrationSizeRows,
 *   readPublishedNumbers,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * const rows = publishedCalibrationSizeRows(published, "health");
 * const protocol = chooseProtocol({ profile: "quick" });
 * assert.match(calibrationSizeCaption("health", protocol, [], rows), /health/);
 * ```
 */
export function calibrationSizeCaption(
  domain: Domain,
  protocol: Protocol,
  rows: readonly CalibrationSizeRow[],
  published: readonly CalibrationSizeRow[],
): string {
  const { windows: { context, window }, evaluationCharacters, distillation, seeds, texts } =
    protocol;
  const text = evaluationCharacters === null
    ? ""
    : `at most ${evaluationCharacters.toLocaleString("en-GB")} characters scored `;
  return sentences([
    `Perplexity on ${domainNames[domain]}${
      rows.every(({ kl }) => kl !== null) ? ", and KL from the fine-tune," : ""
    } against the number of calibration samples; nearer the fine-tune is better`,
    `Measured here: ${figurePair(protocol).name}, protocol “${protocol.name}”, ${text}` +
    `in windows of ${window} tokens after ${context} of context; distillation of ` +
    `${counted(distillation.steps, "step")} of ${distillation.batch} sequences; ` +
    (seeds.length === 1 ? "one calibration text" : `means over ${seeds.length} calibration texts`),
    `The text scored is ${texts[domain]}, calibration text ${texts.calibration}`,
    "Study-faithful methods are dashed with open markers, corrected ones solid with full markers",
    besideTheStudy(rows),
    rows.some(({ low, klLow }) => low !== null || klLow !== null)
      ? "Bars are 95 % bootstrap intervals over documents, or windows of a text that is one " +
        "document, the same drawn for both: of the ratio to the fine-tune’s perplexity, and of the " +
        "ratio to the KL of the initial scales; those of methods that need no samples, or any " +
        "number of them, stand apart at the right"
      : "",
    "What lies far from the rest is left off an axis: an arrow points to it and gives its value",
    published.length > 0
      ? `Published: the study’s own numbers for ${published[0].pair}, without intervals`
      : "",
  ]);
}

/** Names what the study is not about. */
function besideTheStudy(rows: readonly ModelName[]): string {
  const names = furtherModels(rows).map((model) => modelLook(model).label);
  return names.length > 0 ? `Beside the study’s methods stand: ${names.join("; ")}` : "";
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function sentences(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").map((part) => `${part}.`).join(" ");
}
