/**
 * Speed and memory beside a peer that runs in the same process right after, so that the ratios hold on
 * a machine that is slow or busy. Not a test: it takes a minute and a gigabyte, and fails on no number.
 */

import { Option } from "commander";
import project from "../deno.json" with { type: "json" };
import {
  checkOutputs,
  type Engine,
  type Table,
  tableToMarkdown,
  writeFileAtomic,
} from "../lib/mod.ts";
import { advantage, type Comparison, keepsBound } from "../tests/bench/comparison.ts";
import { onCpu, onGpu } from "../tests/bench/parts.ts";
import { runScript, script } from "./command_line.ts";
import { checkReplaceable, type ForceOption, isJsonWith, withForce } from "./replaceable.ts";

const command = withForce(
  script("bench", "Measures speed and memory beside a peer's in the same run."),
)
  .addOption(
    new Option("--device <name>", "what is measured: the CPU's engine, or the GPU's")
      .choices(["cpu", "webgpu"]).default("cpu"),
  )
  .option("--json <file>", "also the numbers, as JSON");

await runScript<{ device: "cpu" | "webgpu"; json?: string } & ForceOption>(
  command,
  async ({ device, json, force }, { onProgress, signal }) => {
    if (json) {
      await checkOutputs([{ option: "--json", path: json }], []);
      await checkReplaceable(json, "--json", isJsonWith("engine", "rows", "tables"), { force });
    }
    const { engine, parts } = device === "cpu" ? onCpu() : await onGpu();
    const rows: Comparison[] = [];
    const tables: Table[] = [];
    for (const [done, { label, measure }] of parts.entries()) {
      signal?.throwIfAborted();
      onProgress?.({ done, total: parts.length, label });
      const measured = await measure();
      rows.push(...measured.rows);
      if (measured.table) tables.push(measured.table);
    }
    if (json) {
      const record = {
        version: project.version,
        engine: engine.name,
        details: engine.details,
        rows: rows.map(described),
        tables,
      };
      await writeFileAtomic(json, JSON.stringify(record, null, 2) + "\n");
    }
    return [comparisonTable(rows, engine), ...tables]
      .map((table) => tableToMarkdown(table).trimEnd()).join("\n\n");
  },
  "nothing was written",
);

function described(row: Comparison) {
  return { ...row, ratio: advantage(row), keepsBound: keepsBound(row) };
}

function comparisonTable(rows: readonly Comparison[], engine: Engine): Table {
  return {
    title: `Benchmarks on ${engine.name}`,
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
    note:
      "Fastest of several runs. Ratio: how many times better ours is; of runs in turns, the median.",
  };
}

function short(value: number): number {
  return Number(value.toPrecision(3));
}

function boundOf(row: Comparison): string | null {
  const { bound, timesPeer, better } = row;
  if (bound === null && timesPeer === undefined) return null;
  const sign = better === "higher" ? "≥" : "≤";
  const limit = bound ?? `${timesPeer} × peer`;
  return `${sign} ${limit}: ${keepsBound(row) ? "kept" : "missed"}`;
}
