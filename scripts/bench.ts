/**
 * Speed and memory beside a peer that runs in the same process right after, so that the ratios hold on
 * a machine that is slow or busy. Not a test: it takes a minute and a gigabyte, and fails on no number.
 */

import project from "../deno.json" with { type: "json" };
import { checkOutput } from "../lib/check_output.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { onnxEngine } from "../lib/onnx/engine.ts";
import { tableToMarkdown } from "../lib/report/tables/markdown.ts";
import type { Table } from "../lib/report/tables/table.ts";
import { compareActivationAware } from "./bench/activation_aware.ts";
import { advantage, type Comparison, keepsBound } from "./bench/comparison.ts";
import { compareExtraction } from "./bench/extraction.ts";
import { compareForward } from "./bench/forward.ts";
import { runScript, script } from "./command_line.ts";

/** In this order: the process keeps memory that a later one would otherwise be charged for. */
const comparisons = [
  { label: "activation-aware scale", compare: compareActivationAware },
  { label: "extraction", compare: compareExtraction },
  { label: "forward pass", compare: compareForward },
];

const command = script("bench", "Measures speed and memory beside a peer's in the same run.")
  .option("--json <file>", "also the numbers, as JSON");

await runScript<{ json?: string }>(command, async ({ json }, { onProgress, signal }) => {
  if (json) await checkOutput(json);
  const rows: Comparison[] = [];
  const total = comparisons.length;
  for (const [done, { label, compare }] of comparisons.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ done, total, label });
    rows.push(...await compare());
  }
  if (json) {
    const record = {
      version: project.version,
      engine: onnxEngine().name,
      rows: rows.map(described),
    };
    await writeFileAtomic(json, JSON.stringify(record, null, 2) + "\n");
  }
  return tableToMarkdown(table(rows)).trimEnd();
}, "nothing was written");

function described(row: Comparison) {
  return { ...row, ratio: advantage(row), keepsBound: keepsBound(row) };
}

function table(rows: readonly Comparison[]): Table {
  return {
    title: "Benchmarks",
    columns: ["", "Unit", "Ours", "Peer", "Ratio", "Bound", "Peer is"].map((name) => ({ name })),
    rows: rows.map((row) => [
      row.what,
      row.unit,
      short(row.ours),
      short(row.peer),
      short(advantage(row)),
      boundOf(row),
      row.peerIs,
    ]),
    note: "Fastest of several runs. Ratio: how many times better ours is.",
  };
}

function short(value: number): number {
  return Number(value.toPrecision(3));
}

function boundOf(row: Comparison): string | null {
  if (row.bound === null) return null;
  const sign = row.better === "higher" ? "≥" : "≤";
  return `${sign} ${row.bound}: ${keepsBound(row) ? "kept" : "missed"}`;
}
