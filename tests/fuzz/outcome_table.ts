/** A campaign's outcomes as a table, a row a kind of file. */

import type { Table } from "../../lib/tables/table.ts";
import type { CampaignResult } from "./campaign.ts";
import type { Outcome } from "./target.ts";

const outcomes: readonly Outcome[] = [
  "same",
  "other",
  "refused",
  "accepted",
  "untyped",
  "hung",
  "memory",
];

/** The outcomes of a campaign of this seed. */
export function outcomeTable({ counts, slowest, memory }: CampaignResult, seed: number): Table {
  return {
    title: "Mutated files by kind and outcome",
    columns: ["Kind", ...outcomes, "Slowest (ms)"].map((name) => ({ name })),
    rows: [...counts].map(([kind, ofKind]) => [
      kind,
      ...outcomes.map((outcome) => ofKind[outcome] ?? 0),
      Math.ceil(slowest.get(kind)!),
    ]),
    note:
      `Seed ${seed}; at most ${Math.ceil(memory / 1e6)} MB resident. Same and other: read, with ` +
      "the sound file's content or not. The last four before the time are faults of the program.",
  };
}
