/**
 * Many fine-tunes on one base: a step for eight of them beside steps of full models, memory with sixteen, and both
 * against the number of tenants. On a pair of TinyLlama's shapes, or one that is there.
 */

import { basename, join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { compressToFile } from "../../lib/methods/compress.ts";
import { initial } from "../../lib/methods/initial.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import {
  measureBatches,
  measureServing,
  SERVING_WAYS,
  type ServingChoice,
  type ServingRow,
} from "../../lib/studies/serving/measure.ts";
import { batchTable, servingTable } from "../../lib/studies/serving/tables.ts";
import type { Watch } from "../../lib/util/progress.ts";
import type { Comparison } from "./comparison.ts";
import type { Measured } from "./parts.ts";
import { runProgram } from "./run_program.ts";
import { type PairOptions, withPair } from "./seven_billion/pair.ts";

const LIKE = "tinyllama-1.1b";
const COUNTS = [1, 2, 4, 8, 16];
/** Full models that are held at once. */
const MOST_FULL = 2;
/** Tenants of the bounds on time and on memory. */
const EIGHT = 8;
const SIXTEEN = 16;

/** What the process of `serving_process.ts` prints. */
export interface ServingMemory {
  /** Bytes that it held with the base alone. */
  readonly base: number;
  /** Bytes with tenants too. */
  readonly served: number;
  /** Bytes of the tensors of one delta. */
  readonly delta: number;
}

/** Times, memory, and a table of all that was measured. */
export async function measureServingBench(
  engine: Engine,
  options: PairOptions,
  watch: Watch,
): Promise<Measured> {
  return await withPair({ ...options, like: LIKE }, watch, async ({ folder, pair }) => {
    const [base, fine] = ["base", "fine"].map((name) => join(pair, name));
    const path = join(folder, "delta.safetensors");
    {
      using from = await Checkpoint.open(base);
      using to = await Checkpoint.open(fine);
      await compressToFile(path, engine, from, to, { method: initial.name }, null);
    }
    const choice: ServingChoice = {
      engine,
      base,
      fine,
      openDelta: () => openDelta(path),
      counts: COUNTS,
      mostFull: MOST_FULL,
    };
    const rows = await measureServing(choice, watch);
    const batches = await measureBatches(choice, watch);
    const where = options.pair === undefined ? `${LIKE}'s shapes` : `'${basename(pair)}'`;
    const memory = engine.details.device === "cpu"
      ? [await memoryRow(base, path, where, watch)]
      : [];
    return {
      rows: [...timeRows(rows, where), ...memory],
      tables: [servingTable(rows, where), batchTable(batches, where)],
    };
  });
}

/** Eight tenants in one batch beside eight full models in turn, all in memory, and beside one plain step. */
function timeRows(rows: readonly ServingRow[], where: string): Comparison[] {
  const ofWay = (way: number) => rows.filter((row) => row.way === SERVING_WAYS[way]);
  const plain = ofWay(0).find(({ tenants }) => tenants === 1)!.milliseconds;
  const together = ofWay(2).find(({ tenants }) => tenants === EIGHT)!.milliseconds;
  return [
    {
      what: `${EIGHT} tenants of ${where}, one token each`,
      unit: "tokens/s",
      ours: EIGHT * 1000 / together,
      peer: 1000 / plain,
      peerIs: `${EIGHT} full models in turn, all of them in memory`,
      better: "higher",
      bound: null,
      timesPeer: 3,
    },
    {
      what: `a step of ${EIGHT} tenants of ${where}`,
      unit: "ms",
      ours: together,
      peer: plain,
      peerIs: "a step of one sequence of a full model",
      better: "lower",
      bound: null,
      timesPeer: 2.5,
    },
  ];
}

async function memoryRow(
  base: string,
  delta: string,
  where: string,
  { signal }: Watch,
): Promise<Comparison> {
  const args = [JSON.stringify([base, delta, SIXTEEN])];
  const printed = await runProgram("tests/bench/serving_process.ts", args, { signal });
  const memory: ServingMemory = JSON.parse(printed.split("\n").at(-1)!);
  const needed = memory.base + SIXTEEN * memory.delta;
  return {
    what: `memory with ${SIXTEEN} tenants of ${where}`,
    unit: "MB",
    ours: memory.served / 1e6,
    peer: needed / 1e6,
    peerIs: `the base as it is held, and ${SIXTEEN} deltas as they are stored`,
    better: "lower",
    bound: null,
    timesPeer: 1.15,
  };
}
