/**
 * What a task is: something to measure, with all that determines it as data. A task knows no other but those
 * whose results it needs; who asks for it, and what becomes of its result, is not its concern.
 */

import type { EngineDetails } from "../graph/engine.ts";
import { canonical, sha256 } from "../util/canonical.ts";
import type { Watch } from "../util/progress.ts";

/** What a file must hold for a value of type `T`: a schema of the package `valibot`. */
export interface ContentSchema<T> {
  /** That it is one. */
  readonly kind: "schema";
  /** As valibot has it. */
  readonly "~types"?: { readonly output: T } | undefined;
}

/** Tasks whose keys and results are of one form. */
export interface Kind<Key, Result> {
  /** Part of what identifies a task. */
  readonly name: string;
  /** What a key is: nothing less, nothing more. */
  readonly key: ContentSchema<Key>;
  /** The same of a result. */
  readonly result: ContentSchema<Result>;
  /** Ending of a file that is kept beside each measurement; `null` if there is none. */
  readonly file: string | null;
}

/** One thing to measure. */
export interface Task<Key = unknown, Result = unknown> {
  /** Its kind. */
  readonly kind: Kind<Key, Result>;
  /** For a person. */
  readonly label: string;
  /** Tasks that have to be finished before. */
  readonly needs: readonly Task[];
  /** All that determines the result, as data; asked for once what it needs is finished. */
  key(found: Found): Promise<Key>;
  /**
   * Measures.
   *
   * @param path where the file beside the measurement goes.
   * @param state where unfinished work may be kept, for another run of the task to go on from; what measures
   * removes it.
   */
  measure(found: Found, path: string, watch: Watch, state: string): Promise<Result>;
}

/** The measurement of a task that another needs, and where the file beside it lies. */
export type Found = <Key, Result>(
  task: Task<Key, Result>,
) => { readonly measurement: Measurement<Key, Result>; readonly path: string };

/** A finished task. */
export interface Measurement<Key = unknown, Result = unknown> {
  /** Hash of kind and key: 32 hexadecimal digits. */
  readonly id: string;
  /** Name of its kind. */
  readonly kind: string;
  /** What determined the result. */
  readonly key: Key;
  /** Name of the engine, and what it ran on: a record, which does not identify the measurement. */
  readonly engine: string;
  /** As above. */
  readonly device: EngineDetails;
  /** What was measured. */
  readonly result: Result;
}

/** What identifies a measurement. */
export function measurementId(kind: string, key: unknown): string {
  return sha256(canonical({ kind, key })).slice(0, 32);
}
