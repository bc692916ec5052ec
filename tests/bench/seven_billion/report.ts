/** What the stages on a pair of 7B shapes came to: comparisons with their bounds, and a table of stages. */

import type { Table } from "../../../lib/tables/table.ts";
import type { Comparison } from "../comparison.ts";
import type { StageName, StageWork } from "./stages.ts";

/** A stage as its process measured it. */
export interface StageResult extends StageWork {
  /** The most memory that its process held. */
  readonly peakBytes: number;
}

/** What was measured on. */
export interface Setting {
  /** `null`: the CPU's engine; else the adapter. */
  readonly adapter: { readonly name: string; readonly software: boolean } | null;
  /** The pair in words. */
  readonly pair: string;
  /** Its decoder layers. */
  readonly layers: number;
  /** Weights of their linear layers. */
  readonly weights: number;
  /** Rows that calibrate. */
  readonly rows: number;
}

/** Results by stage; those of the other device are not there. */
export type StageResults = Partial<Record<StageName, StageResult>>;

/** Weights of the linear layers of a decoder layer of a 7B model, by which its pair is known. */
const A_LAYER = 4 * 4096 ** 2 + 3 * 4096 * 11008;
/** Layers of the whole model, which is what an H100 is bound on. */
const WHOLE = 32;
/** Layers of the pair whose calibration on two cores is bound in seconds. */
const TWO = 2;
/** Shares of the plain read rate; the whole pair comes from disk, as few page caches hold it. */
const EXTRACTION_SHARE = { some: 0.3, whole: 0.7 };
const UPLOAD_SHARE = 0.35;
/** Times what the operations of a calibration take at the rate of products in the same run. */
const CALIBRATION_TIMES = 2.2;

/**
 * The stages that have a bound or a peer.
 *
 * A calibration is 6 · rows operations a weight: 2 for the forward pass, 2 for XΔᵀ, 2 for XSᵀ.
 */
export function sevenBillionRows(results: StageResults, setting: Setting): Comparison[] {
  const { adapter, pair: of, layers, weights, rows } = setting;
  const is7b = weights === layers * A_LAYER;
  const isWholeOnH100 = is7b && layers === WHOLE && /H100/.test(adapter?.name ?? "");
  const isTwoOnCpu = is7b && layers === TWO && adapter === null;
  const reading = results["plain reading"]!;
  const plain = { peer: rate(reading) / 1e9, peerIs: "a plain read loop over the same files" };
  const higher = { better: "higher", bound: null } as const;
  const none = { peer: null, peerIs: "none" } as const;
  const found: Comparison[] = [];
  const initial = results.initial!;
  found.push({
    what: `read to delta, initial, ${of}`,
    unit: "GB/s",
    ours: rate(initial) / 1e9,
    ...plain,
    ...higher,
    timesPeer: is7b ? EXTRACTION_SHARE[layers === WHOLE && !adapter ? "whole" : "some"] : undefined,
  }, memoryRow("read to delta, initial", initial, is7b && !adapter ? 2000 : null));
  const upload = results["file to device"];
  if (upload) {
    found.push({
      what: `file to device, ${of}`,
      unit: "GB/s",
      ours: rate(upload) / 1e9,
      ...plain,
      ...higher,
      timesPeer: is7b && adapter?.software ? UPLOAD_SHARE : undefined,
    });
  }
  const calibration = results["activation-aware"]!;
  found.push(
    {
      what: `activation-aware, ${rows} rows, ${of}`,
      unit: "s",
      ours: calibration.seconds,
      peer: 6 * rows * weights / rate(results["matrix product"]!),
      peerIs: "its operations at the rate of products in this run",
      better: "lower",
      bound: isWholeOnH100 ? 15 : isTwoOnCpu ? 12 : null,
      timesPeer: is7b && !adapter && !isTwoOnCpu ? CALIBRATION_TIMES : undefined,
    },
    memoryRow(
      "activation-aware",
      calibration,
      is7b && !adapter ? (isTwoOnCpu ? 2000 : 4000) : null,
    ),
  );
  for (const [stage, bound] of [["scoring, base", 1200], ["scoring, compressed", 800]] as const) {
    found.push({
      what: `${stage}, ${of}`,
      unit: "tokens/s",
      ours: rate(results[stage]!),
      ...none,
      better: "higher",
      bound: isWholeOnH100 ? bound : null,
    });
  }
  const steps = results.distillation;
  if (steps) {
    found.push({
      what: `a step of distillation, ${of}`,
      unit: "s",
      ours: steps.seconds / steps.count,
      ...none,
      better: "lower",
      bound: isWholeOnH100 ? 4 : null,
    });
  }
  return found;
}

function memoryRow(of: string, { peakBytes }: StageResult, bound: number | null): Comparison {
  return {
    what: `${of}, resident at most`,
    unit: "MB",
    ours: peakBytes / 1e6,
    peer: null,
    peerIs: "none",
    better: "lower",
    bound,
  };
}

/**
 * Seconds, share of all of them, what was done a second, and memory, of each stage.
 *
 * @param failures why stages were not measured.
 */
export function stageTable(
  results: StageResults,
  device: string,
  failures: Partial<Record<StageName, string>> = {},
): Table {
  const missing = Object.entries(failures).map(([name, reason]) => ` Without ${name}: ${reason}.`);
  const entries = Object.entries(results) as [StageName, StageResult][];
  const all = entries.reduce((sum, [, { seconds }]) => sum + seconds, 0);
  const plain = rate(results["plain reading"]!);
  return {
    title: `Stages of a pair of 7B shapes on ${device}`,
    columns: ["", "s", "Of all", "Rate", "Unit", "Of plain reading", "Resident at most (GB)"]
      .map((name) => ({ name })),
    rows: entries.map(([name, result]) => {
      const { unit, factor } = UNITS[name];
      return [
        name,
        short(result.seconds),
        percent(result.seconds / all),
        short(rate(result) / factor),
        unit,
        unit === "GB/s" ? percent(rate(result) / plain) : null,
        short(result.peakBytes / 1e9),
      ];
    }),
    note:
      "Each stage in a process of its own. Files are read once before, so that they are in the " +
      "page cache where it holds them. GB/s: of compression both checkpoints, of file to device the base." +
      missing.join(""),
  };
}

const UNITS: Readonly<Record<StageName, { unit: string; factor: number }>> = {
  "plain reading": { unit: "GB/s", factor: 1e9 },
  "file to device": { unit: "GB/s", factor: 1e9 },
  "matrix product": { unit: "GFLOPS", factor: 1e9 },
  "initial": { unit: "GB/s", factor: 1e9 },
  "activation-aware": { unit: "GB/s", factor: 1e9 },
  "scoring, base": { unit: "tokens/s", factor: 1 },
  "scoring, compressed": { unit: "tokens/s", factor: 1 },
  "distillation": { unit: "steps/s", factor: 1 },
};

function rate({ count, seconds }: StageWork): number {
  return count / seconds;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function short(value: number): number {
  return Number(value.toPrecision(3));
}
