/**
 * Where a figure's numbers come from, written beside it as JSON. It gathers nothing itself and holds
 * no time, so that the same run writes the same bytes.
 */

import { writeFileAtomic } from "../util/files.ts";
import type { Json } from "./figure.ts";

/** All that determines a figure, and the machine class that its timings hold for. */
export interface Provenance {
  /** Every setting of the measurements, as the study's protocol has them. */
  readonly protocol: { readonly [setting: string]: Json };
  /** SHA-256 in hex, by what was hashed: checkpoints, texts, the protocol itself. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Versions of this library and of the packages that computed, by package name. */
  readonly versions: Readonly<Record<string, string>>;
  /** What ran the graphs: `"onnxruntime-node 1.30.0, 2 threads"`. */
  readonly engine: string;
  /** The device it ran on and why that one; of a GPU also adapter, features and limits. */
  readonly device: Json;
  /** Seeds of calibration text. */
  readonly seeds: readonly number[];
  /** Class of machine, not its name: `"x86_64 linux, 2 cores, 8 GB"`. */
  readonly machine: string;
}

/**
 * Writes provenance as indented JSON with names in alphabetical order.
 *
 * @throws {OutputError} if the file cannot be written.
 */
export async function writeProvenance(path: string, provenance: Provenance): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(provenance, inOrder, 2) + "\n");
}

/** Orders the names of an object, so that it does not matter how it was put together. */
function inOrder(_name: string, value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}
