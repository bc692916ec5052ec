/** A tenant's delta as a server reads it: of its own base alone, and what its header says. */

import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { checkMadeFor } from "../../delta/apply.ts";
import { type DeltaFile, openDelta } from "../../delta/delta_file.ts";
import { bitsPerWeight, deltaBytes } from "../../delta/delta_size.ts";

/** What a delta's header says. */
export interface DeltaFacts {
  /** Bytes of its numbers. */
  readonly bytes: number;
  /** Bits that a weight of its linear layers takes. */
  readonly bits: number;
  /** The method that found its numbers. */
  readonly method: string;
}

/** Opens a delta. @throws {DeltaError} if it is none, or of another base. */
export async function openFor(path: string, base: Checkpoint): Promise<DeltaFile> {
  const delta = await openDelta(path);
  try {
    await checkMadeFor(delta, base);
    return delta;
  } catch (error) {
    delta[Symbol.dispose]();
    throw error;
  }
}

/** What a header says. @throws {DeltaError} if it cannot be read. */
export async function readFacts(path: string): Promise<DeltaFacts> {
  using delta = await openDelta(path);
  const { method } = delta.metadata;
  return { bytes: deltaBytes(delta), bits: bitsPerWeight(delta), method };
}
