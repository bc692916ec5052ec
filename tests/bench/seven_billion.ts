/**
 * A pair of a 7B model's shapes from its files to a delta, scored and distilled: makes such a pair, or
 * takes one, runs each stage in a process of its own, and says what share of the time each took.
 */

import { basename, join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { checkPair } from "../../lib/checkpoint/pair.ts";
import { linearLayerNames, linearShape } from "../../lib/checkpoint/weights.ts";
import type { AdapterDescription } from "../../lib/engines/webgpu/adapter.ts";
import type { Watch } from "../../lib/util/progress.ts";
import type { BenchDevice, Measured } from "./parts.ts";
import { runProgram } from "./run_program.ts";
import { fitting, type PairOptions, withPair } from "./seven_billion/pair.ts";
import {
  sevenBillionRows,
  type StageResult,
  type StageResults,
  stageTable,
} from "./seven_billion/report.ts";
import { onGpuOnly, type StageInput, type StageName, stages } from "./seven_billion/stages.ts";

/** Whose shapes a pair that is made has. */
const LIKE = "llama-2-7b";

/** What each kind of device is given, so that it takes about a minute. */
const SIZES = {
  cpu: {
    layers: 2,
    rows: 512,
    windows: { context: 1024, window: 512 },
    distillation: { steps: 2, batch: 4 },
  },
  software: {
    layers: 1,
    rows: 128,
    windows: { context: 64, window: 64 },
    distillation: { steps: 2, batch: 1 },
  },
  hardware: {
    layers: 4,
    rows: 512,
    windows: { context: 1024, window: 512 },
    distillation: { steps: 4, batch: 4 },
  },
};

/**
 * Comparisons with their bounds, and a table of the stages. What is written lies in a folder of the system's
 * for temporary files, and is removed.
 *
 * @throws {ConfigError} {SafetensorsError} {CheckpointError} if the pair that is given is none.
 * @throws {Error} if a stage fails, with what its process said.
 */
export async function measureSevenBillion(
  device: BenchDevice,
  adapter: AdapterDescription | null,
  options: PairOptions,
  { onProgress, signal }: Watch = {},
): Promise<Measured> {
  const { layers: usual, ...sizes } = SIZES[adapter ? kindOf(adapter) : "cpu"];
  return await withPair(
    { ...options, usual, like: LIKE },
    { onProgress, signal },
    async ({ folder, pair }) => {
      const report = (done: number, label: string) =>
        onProgress?.({ done, total: names.length, label });
      const names = (Object.keys(stages) as StageName[])
        .filter((name) => device === "webgpu" || !onGpuOnly.includes(name));
      const { positions, ...facts } = await factsOf(pair);
      const input: StageInput = {
        ...sizes,
        windows: fitting(sizes.windows, positions),
        device,
        pair,
        delta: join(folder, "delta.safetensors"),
      };
      const results: StageResults = {};
      const failures: Partial<Record<StageName, string>> = {};
      for (const [done, name] of names.entries()) {
        report(done, name);
        try {
          results[name] = await runStage(name, input, signal);
        } catch (error) {
          signal?.throwIfAborted();
          // What some GPUs cannot is no reason to lose what was measured.
          if (!onGpuOnly.includes(name)) throw error;
          failures[name] = reasonOf(error as Error);
        }
      }
      const where = adapter?.name ?? "the CPU";
      return {
        rows: sevenBillionRows(results, {
          ...facts,
          pair: options.pair === undefined ? describe(facts.layers) : `'${basename(pair)}'`,
          adapter,
          rows: input.rows,
        }),
        tables: [stageTable(results, where, failures)],
      };
    },
  );
}

function kindOf({ software }: AdapterDescription): "software" | "hardware" {
  return software ? "software" : "hardware";
}

function describe(layers: number): string {
  return `${layers} ${layers === 1 ? "layer" : "layers"} of Llama-2-7B's shape`;
}

async function factsOf(pair: string) {
  using base = await Checkpoint.open(join(pair, "base"));
  using fine = await Checkpoint.open(join(pair, "fine"));
  checkPair(base, fine);
  const { config } = base;
  const sizes = linearLayerNames(config).map((name) => linearShape(config, name));
  return {
    layers: config.layerCount,
    positions: config.maximumPositions,
    weights: sizes.reduce((sum, [out, inner]) => sum + out * inner, 0),
  };
}

/** The line of a process's trace that says what was wrong. */
function reasonOf({ message }: Error): string {
  return /\w*Error: (.*)/.exec(message)?.[1] ?? message.split("\n")[0];
}

async function runStage(
  name: StageName,
  input: StageInput,
  signal?: AbortSignal,
): Promise<StageResult> {
  const args = [JSON.stringify([name, input])];
  const printed = await runProgram("tests/bench/seven_billion/stage_process.ts", args, { signal });
  return JSON.parse(printed.split("\n").at(-1)!);
}
