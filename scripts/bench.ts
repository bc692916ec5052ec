/**
 * Speed and memory beside a peer that runs in the same run, so that the ratios hold on a machine that is
 * slow or busy. Not a test: it takes minutes and gigabytes, and fails on no number.
 */

import { Option } from "commander";
import project from "../deno.json" with { type: "json" };
import {
  checkOutputs,
  OptionError,
  type Table,
  tableToMarkdown,
  writeFileAtomic,
} from "../lib/mod.ts";
import type { Comparison } from "../tests/bench/comparison.ts";
import { comparisonTable, describedRow } from "../tests/bench/comparison_table.ts";
import {
  type BenchDevice,
  chosenParts,
  leftOut,
  onPair,
  openParts,
  partNames,
} from "../tests/bench/parts.ts";
import type { PairOptions } from "../tests/bench/seven_billion/pair.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { checkReplaceable, type ForceOption, isJsonWith, withForce } from "./replaceable.ts";

interface Options extends PairOptions, ForceOption {
  device: BenchDevice;
  part?: string[];
  json?: string;
}

const command = withForce(
  script("bench", "Measures speed and memory beside a peer's in the same run."),
)
  .addOption(
    new Option("--device <name>", "what is measured: the CPU's engine, or the GPU's")
      .choices(["cpu", "webgpu"]).default("cpu"),
  )
  .option(
    "--part <names...>",
    `what is measured: on the CPU ${partNames.cpu.join(", ")}; on a GPU ` +
      `${partNames.webgpu.join(", ")}; default: all but ${leftOut.join(", ")}`,
  )
  .option(
    "--layers <number>",
    `decoder layers of the pair that ${
      onPair.join(" or ")
    } makes, of 32; a layer takes 0.8 GB of disk`,
    wholeNumber(1, 32),
  )
  .option(
    "--pair <folder>",
    `the pair that ${onPair.join(" or ")} reads instead, in its folders 'base' and 'fine'`,
  )
  .option("--json <file>", "also the numbers, as JSON");

await runScript<Options>(
  command,
  async (options, { onProgress, signal }) => {
    const { device, json } = options;
    const names = chosenParts(device, options.part);
    refuseUnread(options, names);
    if (json) {
      await checkOutputs([{ option: "--json", path: json }], []);
      await checkReplaceable(json, "--json", isJsonWith("engine", "rows", "tables"), options);
    }
    const { engine, parts } = await openParts(device, names, options);
    const rows: Comparison[] = [];
    const tables: Table[] = [];
    for (const [done, { name, measure }] of parts.entries()) {
      signal?.throwIfAborted();
      const total = parts.length;
      onProgress?.({ done, total, label: name });
      const inside = (label: string) => onProgress?.({ done, total, label: `${name}, ${label}` });
      const measured = await measure({ signal, onProgress: ({ label = "" }) => inside(label) });
      rows.push(...measured.rows);
      tables.push(...measured.tables ?? []);
    }
    if (json) {
      const record = {
        version: project.version,
        engine: engine.name,
        details: engine.details,
        rows: rows.map(describedRow),
        tables,
      };
      await writeFileAtomic(json, JSON.stringify(record, null, 2) + "\n");
    }
    return [comparisonTable(rows, engine.name), ...tables]
      .map((table) => tableToMarkdown(table).trimEnd()).join("\n\n");
  },
  "nothing was written",
);

/** An option of a part that does not run would be ignored. */
function refuseUnread({ layers, pair }: Options, names: readonly string[]): void {
  const given = pair !== undefined ? "--pair" : layers !== undefined ? "--layers" : null;
  if (given === null) return;
  const value = pair ?? layers;
  if (!names.some((name) => onPair.includes(name))) {
    throw new OptionError({
      problem: "is an option of a part that is not measured",
      option: given,
      value,
      expected: `--part ${onPair.join(" or ")} beside it`,
    });
  }
  if (pair !== undefined && layers !== undefined) {
    throw new OptionError({
      problem: "says how many layers are made where a pair is given",
      option: "--layers",
      value: layers,
      expected: "--pair or --layers, not both",
    });
  }
}
