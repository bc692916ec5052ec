/** What the text of cached attention depends on, and how its scratch memory divides. */

import type { Storage } from "../kernel.ts";
import { repeat } from "../loops.ts";
import { get, loadFloats, sum, whole } from "../text.ts";

/** Positions of a tile at most: keys of a head of 64 take 8 KiB so. */
export const TILE = 32;

/** What of the operands the text depends on. */
export interface AttentionForm {
  /** How caches are stored. */
  readonly keys: Storage;
  readonly values: Storage;
  /** Features of a head. */
  readonly headSize: number;
  /** Heads of queries that share one of keys. */
  readonly group: number;
}

/** Bytes of a head's features as floats, whole vectors. */
export function paddedBytes({ headSize }: AttentionForm): number {
  return 16 * Math.ceil(headSize / 4);
}

/** Heads that are computed at a time. */
export function headsAtOnce({ group }: AttentionForm): number {
  return group % 2 === 0 ? 2 : 1;
}

/** Whether a cache's numbers are read where they lie: whole vectors of floats. */
export function isInPlace(storage: Storage, { headSize }: AttentionForm): boolean {
  return storage === "F32" && headSize % 4 === 0;
}

/** Bytes of a cache's number. */
export function numberBytes(storage: Storage): number {
  return storage === "F32" ? 4 : 2;
}

/** A function from one address to another: one head's features as floats, with zeros up to a whole vector. */
export function rowFunction(
  name: string,
  storage: Storage,
  memory: string,
  form: AttentionForm,
): string {
  const vectors = paddedBytes(form) / 16;
  const load = (vector: number) => {
    const address = sum(get("from"), whole(4 * numberBytes(storage) * vector));
    const floats = loadFloats(storage, address, memory);
    if (vector < vectors - 1 || form.headSize % 4 === 0) return floats;
    return `(v128.and ${floats} (v128.const i32x4 -1 -1 0 0))`;
  };
  const copied = repeat(
    vectors,
    (vector) => `(v128.store $memory offset=${16 * vector} ${get("to")} ${load(vector)})`,
  );
  return `(func $${name} (param $from i32) (param $to i32) (local $x v128) ${copied})`;
}
