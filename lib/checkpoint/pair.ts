/**
 * A pair: a base checkpoint and a fine-tune of it.
 */

import { join } from "node:path";
import { CheckpointError } from "../util/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { differingLayers } from "./config_changes.ts";
import { weightBytes } from "./weights.ts";

/**
 * Checks that `fine` can be a fine-tune of `base`: `W_fine − W_base` exists for each linear layer. All other,
 * vocabulary, head, positions and norms, is the fine-tune's own, and a delta holds it.
 *
 * @throws {CheckpointError} naming the first setting in which they differ and may not.
 */
export function checkPair(base: Checkpoint, fine: Checkpoint): void {
  const difference = differingLayers(fine.config, base.config);
  if (!difference) return;
  throw new CheckpointError({
    problem: "differs between the fine-tune and its base",
    file: join(fine.directory, "config.json"),
    ...difference,
    expected: `${difference.expected}, as in '${join(base.directory, "config.json")}'`,
  });
}

/**
 * Checks that two checkpoints are not the same to the byte, by their hashes alone.
 *
 * @throws {CheckpointError} if they are.
 */
export async function checkNotAlike(base: Checkpoint, fine: Checkpoint): Promise<void> {
  if (await base.hash() === await fine.hash()) throw noChange(base, fine);
}

/** What there is to say where Δ = 0 everywhere: as a rule, one folder was given twice. */
export function noChange(base: Checkpoint, fine: Checkpoint): CheckpointError {
  return new CheckpointError({
    problem: `holds the weights of its base '${base.directory}': Δ = 0 everywhere`,
    file: fine.directory,
    expected: "a fine-tune, whose weights differ",
  });
}

/** Bytes of a pair's weights from which work on it takes seconds or more. */
const LARGE = 2 ** 30;

/** Whether work on a pair takes so long that an unfinished run is kept without being told to. */
export function isLargePair(base: Checkpoint, fine: Checkpoint): boolean {
  return weightBytes(base) + weightBytes(fine) >= LARGE;
}
