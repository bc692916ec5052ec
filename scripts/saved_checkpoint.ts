/** What scripts that write a whole model share: the type of its weights, and what they say of it. */

import { type Command, Option } from "commander";
import {
  cardOfDelta,
  type CardSources,
  type DeltaFile,
  type FloatType,
  formatBytes,
  keptShare,
  markedCard,
  modelCard,
  type SavedCheckpoint,
  type SaveOptions,
} from "../lib/mod.ts";
import { CHECKPOINT_MARK } from "./replaceable.ts";

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

/** The mark by which a later save knows the weights, and a card that says what they are. */
export async function describedAs(
  delta: DeltaFile,
  sources: CardSources,
  { dtype }: DtypeOption,
): Promise<Pick<SaveOptions, "metadata" | "card">> {
  const card = await cardOfDelta(delta, sources);
  return {
    metadata: { [CHECKPOINT_MARK]: delta.metadata.method },
    card: ({ kept }) =>
      markedCard(
        modelCard({ ...card, kind: "checkpoint", weights: { dtype, kept: keptShare(kept) } }),
      ),
  };
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
    ["weights", `${formatBytes(bytes)} as ${dtype}, in ${many}`],
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
