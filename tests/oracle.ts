/**
 * Reference values that the study's own code computed, in `tests/fixtures/oracle/` (see its README):
 * two tiny pairs, `A` of Llama's and `B` of Mistral's architecture, each in float32 and in bfloat16.
 */

import { fileURLToPath } from "node:url";
import { Checkpoint } from "../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile } from "../lib/checkpoint/safetensors.ts";

/** The oracle's pairs. */
export const ORACLE_PAIRS = ["A", "B"] as const;
export type OraclePair = typeof ORACLE_PAIRS[number];

/** The types in which it holds them. */
export const ORACLE_KINDS = ["f32", "bf16"] as const;
export type OracleKind = typeof ORACLE_KINDS[number];

/** What `vectors.json` says of one linear layer. */
export interface OracleLayer {
  readonly shape_out_in: [number, number];
  readonly mask_shape: [number, number];
  readonly zeros_in_delta: number;
  readonly mask_sha256: string;
  readonly coeff_mean_abs: number;
  readonly coeff_mean_abs_f64: number;
  /** Activation-aware scales by number of calibration rows and variant. */
  readonly aa: Record<string, Record<string, number>>;
}

/** What `vectors.json` says of a pair. */
export interface OracleVectors {
  readonly logits: Record<
    `${"base" | "fine"}_${OracleKind}`,
    { shape: [number, number]; sum: number; sum_sq: number; argmax: number[]; mean_nll: number }
  >;
  readonly pairs: Record<OracleKind, Record<string, OracleLayer>>;
}

/** Path of a file in the oracle: `oraclePath("A", "ppl.json")`. */
export function oraclePath(...parts: string[]): string {
  return fileURLToPath(new URL(`fixtures/oracle/${parts.join("/")}`, import.meta.url));
}

/** A JSON file of the oracle: `oracleJson<OracleVectors>("A", "vectors.json")`. */
export async function oracleJson<T>(...parts: string[]): Promise<T> {
  return JSON.parse(await Deno.readTextFile(oraclePath(...parts)));
}

/** `vectors.json` of a pair. */
export function oracleVectors(pair: OraclePair): Promise<OracleVectors> {
  return oracleJson(pair, "vectors.json");
}

/** `vectors.safetensors` of a pair; the caller closes it. */
export function openOracleVectors(pair: OraclePair): Promise<SafetensorsFile> {
  return SafetensorsFile.open(oraclePath(pair, "vectors.safetensors"));
}

/** A checkpoint of the oracle; the caller closes it. */
export function openOracleCheckpoint(
  pair: OraclePair,
  role: "base" | "fine",
  kind: OracleKind,
): Promise<Checkpoint> {
  return Checkpoint.open(oraclePath(pair, `${role}_${kind}`));
}
