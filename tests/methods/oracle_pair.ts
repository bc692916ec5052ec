/** A pair of the oracle with its delta, and the texts that the oracle was made with. */

import type { CalibrationSequences } from "../../lib/texts/sequences.ts";
import type { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { MemoryDelta } from "../../lib/delta/delta.ts";
import { extractDelta } from "./extract.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { openOracleCheckpoint, oracleJson, type OracleKind, type OraclePair } from "../oracle.ts";

/** One thread: sums come out the same each time. */
export const engine = onnxEngine({ threads: 1 });

/** Both checkpoints, open, and their initial delta; closes them at the end of its scope. */
export interface OpenPair extends Disposable {
  readonly base: Checkpoint;
  readonly fine: Checkpoint;
  readonly initial: MemoryDelta;
}

/** Opens a pair of the oracle: `using pair = await openPair("A", "f32")`. */
export async function openPair(name: OraclePair, kind: OracleKind): Promise<OpenPair> {
  const base = await openOracleCheckpoint(name, "base", kind);
  const fine = await openOracleCheckpoint(name, "fine", kind);
  const initial = await extractDelta(base, fine);
  const close = () => [base, fine].forEach((each) => each.close());
  return { base, fine, initial, [Symbol.dispose]: close };
}

type TokenTable = Record<`${string}_input_ids` | `${string}_attention_mask`, number[][]>;

/** Sequences of 128 tokens from `ids.json`: 8 to calibrate with, 80 to distill with. */
export async function oracleSequences(use: "calib" | "distill"): Promise<CalibrationSequences> {
  const table = await oracleJson<TokenTable>("ids.json");
  const rows = table[`${use}_input_ids`];
  return {
    count: rows.length,
    length: rows[0].length,
    tokens: Int32Array.from(rows.flat()),
    attentionMask: Int32Array.from(table[`${use}_attention_mask`].flat()),
  };
}
