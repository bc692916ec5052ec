import assert from "node:assert/strict";
import {
  calibrationSizeCaption,
  wallClockCaption,
} from "../../../lib/studies/activation_aware_bitdelta/captions.ts";
import {
  publishedCalibrationSizeRows,
  publishedWallClockRows,
} from "../../../lib/studies/activation_aware_bitdelta/rows.ts";
import { captionToLatex } from "../../../lib/tables/latex.ts";
import {
  embeddedProtocol,
  quickProtocol,
  realProtocol,
} from "../../../lib/studies/activation_aware_bitdelta/protocol.ts";
import { readPublishedNumbers } from "../../../lib/studies/activation_aware_bitdelta/published.ts";
import { sampleCalibrationRows, sampleWallClockRows } from "./sample_rows.ts";

const study = await readPublishedNumbers();
const rows = sampleCalibrationRows("wikitext");
const published = publishedCalibrationSizeRows(study, "wikitext");

function assertSays(caption: string, ...parts: string[]): void {
  for (const part of parts) assert.ok(caption.includes(part), `'${part}' is not in '${caption}'`);
}

Deno.test("a caption tells domain, pairs, protocol and intervals", () => {
  assertSays(
    calibrationSizeCaption("wikitext", embeddedProtocol, rows, published),
    "Perplexity on general text, and KL from the fine-tune, against the number of calibration samples;",
    "llama-base → llama-assistant, protocol “embedded”",
    "at most 30,000 characters scored in windows of 128 tokens after 256 of context",
    "distillation of 250 steps of 4 sequences; means over 3 calibration texts.",
    "The text scored is the Brown Corpus, calibration text other documents of the Brown Corpus.",
    "95 % bootstrap intervals over documents, or windows of a text that is one document, the same " +
      "drawn for both: of the ratio to the " +
      "fine-tune’s perplexity, and of the ratio to the KL of the initial scales",
    "Published: the study’s own numbers for Llama-2-7b-hf → Llama-2-7b-chat-hf, without intervals.",
  );
  assertSays(
    calibrationSizeCaption("code", quickProtocol, rows, published),
    ...["Perplexity on code", "at most 8,000 characters", "25 steps", "one calibration text"],
  );
});

Deno.test("a caption tells only what is there", () => {
  const none = { low: null, high: null, kl: null, klLow: null, klHigh: null };
  const bare = rows.map((row) => ({ ...row, ...none }));
  const caption = calibrationSizeCaption("code", realProtocol, bare, published);
  assert.doesNotMatch(caption, /characters|Bars|KL/);
  assertSays(caption, "in windows of 512 tokens after 1024 of context");
});

Deno.test("a caption of wall clock tells repeats and what ran out of memory", () => {
  const theirs = publishedWallClockRows(study);
  assertSays(
    wallClockCaption(embeddedProtocol, sampleWallClockRows(), theirs),
    "distillation of 10 steps, activation-aware scales from 256 rows.",
    "Points are medians of 3 repeats, bars go from the fastest to the slowest.",
    "A cross marks a batch size that ran out of memory.",
  );
  const done = sampleWallClockRows().filter(({ seconds }) => seconds !== null)
    .map((row) => ({ ...row, low: null, high: null }));
  const once = { ...quickProtocol, wallClock: { ...quickProtocol.wallClock, repeats: 1 } };
  const caption = wallClockCaption(once, done, theirs.filter(({ seconds }) => seconds));
  assertSays(caption, "distillation of 3 steps", "Each point was timed once.");
  assert.doesNotMatch(caption, /cross|bars/);
});

Deno.test("a caption of our panels alone tells nothing of published numbers", () => {
  const captions = [
    calibrationSizeCaption("code", embeddedProtocol, rows, []),
    wallClockCaption(embeddedProtocol, sampleWallClockRows(), []),
  ];
  for (const caption of captions) assert.doesNotMatch(caption, /Published/);
});

Deno.test("as LaTeX, a caption has its label and no sign that LaTeX would act upon", () => {
  const text = calibrationSizeCaption("code", embeddedProtocol, rows, published);
  const latex = captionToLatex(text, "figure-2-code");
  const [, caption] = /^\\caption\{(.*)\}\n\\label\{fig:figure-2-code\}\n$/.exec(latex)!;
  assertSays(
    caption,
    "llama-base $\\rightarrow$ llama-assistant",
    "95 \\% bootstrap",
    "``embedded''",
  );
  assert.doesNotMatch(caption.replace(/\\[%_#&]|\$\\[a-z]+\$/g, ""), /[%_#&$\\^~<>|→“”]/);
});
