/** What mutated files are read by: types only. */

import type { Format } from "./mutations.ts";

/** A kind of file that comes from outside. */
export interface Target {
  readonly name: string;
  /** The file that is mutated, by its path in the folder that `make` fills. */
  readonly file: string;
  readonly format: Format;
  /**
   * Whether the file vouches for its content: what is read of a mutated one is then as it was, or refused;
   * or said to be {@linkcode UNSEALED}.
   */
  readonly sealed: boolean;
  /** Writes a sound file, and what lies around it. */
  make(folder: string): Promise<void>;
  /**
   * All that is read of the file, as text.
   *
   * @throws {InputError} and nothing else, where it is refused.
   */
  read(folder: string): Promise<string>;
}

/** How what was read of a file begins, where the reader says that nothing vouches for it. */
export const UNSEALED = "unsealed ";

/** What became of one mutated file. */
export type Outcome =
  /** Read, with the content of the sound file. */
  | "same"
  /** Read, with other content. */
  | "other"
  /** Refused by an error of one line that names the fault. */
  | "refused"
  /** Read with other content, though the file vouches for it. */
  | "accepted"
  /** Ended in an error that no user can act on. */
  | "untyped"
  /** Not finished in the time given. */
  | "hung"
  /** More memory than given. */
  | "memory";

/** Outcomes that are faults of the program. */
export const FAULTS: readonly Outcome[] = ["accepted", "untyped", "hung", "memory"];

/** One mutated file, and what became of it. */
export interface Trial {
  readonly target: string;
  /** Which it was; with the seed it determines the file. */
  readonly index: number;
  readonly outcome: Outcome;
  /** The error's message, or how the content differs. */
  readonly detail: string;
  readonly milliseconds: number;
  /** Resident memory of the process afterwards, in bytes. */
  readonly memory: number;
}
