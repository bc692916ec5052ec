/** What scripts that write a whole model share: the type of its weights, and what they say of it. */

import { type Command, Option } from "commander";
import { type FloatType, keptShare, type SavedCheckpoint } from "../lib/mod.ts";

/** What {@linkcode withDtype} adds to a script's options. */
export interface DtypeOption {
  dtype: keyof typeof TYPES;
}

const TYPES = { bf16: "BF16", f16: "F16", f32: "F32" } as const satisfies Record<string, FloatType>;

/** Adds the type that a model's weights are rounded to. */
export function withDtype(command: Command): Command {
  return command.addOption(
    new Option(
      "--dtype <type>",
      "type of the model's weights; 16 bits may round scales away, and what is left is said",
    ).choices(Object.keys(TYPES)).default("f32"),
  );
}

/** The type as the library names it. */
export function floatType({ dtype }: DtypeOption): FloatType {
  return TYPES[dtype];
}

/** Lines of a summary: where the model is, its size, and what rounding left of the delta. */
export function savedRows(
  folder: string,
  { dtype }: DtypeOption,
  { files, bytes, kept }: SavedCheckpoint,
): [name: string, value: string][] {
  const many = files.length === 1 ? "one file" : `${files.length} files`;
  const rows: [string, string][] = [
    ["checkpoint", folder],
    ["weights", `${(bytes / 1e6).toFixed(2)} MB as ${dtype}, in ${many}`],
  ];
  const share = keptShare(kept);
  if (share === null) return rows;
  const { energy, moved, worst } = share;
  rows.push([
    "kept",
    `${percent(energy)} of the delta's energy in ${dtype}, ${
      percent(moved)
    } of its weights moved; ` +
    `least: ${percent(worst.energy)} and ${percent(worst.moved)} of ${worst.tensor}`,
  ]);
  return rows;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
