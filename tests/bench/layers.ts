/**
 * One layer of a 7B model by each method that goes beyond the study's: seconds, and all that a process of its own held
 * at most.
 */

import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { doubleBinary } from "../../lib/methods/double_binary.ts";
import { refinedSigns } from "../../lib/methods/refined_signs.ts";
import { rowColumn } from "../../lib/methods/row_column.ts";
import type { Watch } from "../../lib/util/progress.ts";
import type { Comparison } from "./comparison.ts";
import { runProgram } from "./run_program.ts";

const TOKENS = 8192;
const THREADS = 2;

/** Methods by what they are called in the table. */
const CASES: readonly {
  readonly name: string;
  readonly shape: LinearShape;
  readonly bound: number;
}[] = [
  { name: rowColumn.name, shape: [4096, 4096], bound: 15 },
  { name: refinedSigns.name, shape: [4096, 4096], bound: 45 },
  { name: doubleBinary.name, shape: [4096, 4096], bound: 150 },
  { name: refinedSigns.name, shape: [11008, 4096], bound: 120 },
];

/** Seconds and memory of each, with its own settings. */
export async function measureLayers({ onProgress, signal }: Watch): Promise<Comparison[]> {
  const rows: Comparison[] = [];
  const shared = { peer: null, peerIs: "none", better: "lower" } as const;
  for (const [done, { name, shape, bound }] of CASES.entries()) {
    const what = `${name}, [${shape.join(", ")}], ${TOKENS} tokens, ${THREADS} cores`;
    onProgress?.({ done, total: CASES.length, label: what });
    const args = [name, ...[...shape, TOKENS, THREADS].map(String)];
    const { seconds, bytes } = JSON.parse(
      await runProgram("tests/bench/compress_layer.ts", args, { signal }),
    );
    rows.push({ what, unit: "s", ours: seconds, bound, ...shared });
    rows.push({ what: "all that it held", unit: "MB", ours: bytes / 1e6, bound: 2000, ...shared });
  }
  return rows;
}
