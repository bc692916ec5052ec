/**
 * A pair: a base checkpoint and a fine-tune of it.
 */

import { join } from "node:path";
import { CheckpointError } from "../util/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { firstDifference } from "./config_changes.ts";

/**
 * Settings that a fine-tune must share with its base: what the linear layers are, and how many. All others,
 * vocabulary, head, positions and norms, are the fine-tune's own, and a delta holds them.
 */
const SHARED = [
  "architectures",
  "hidden_size",
  "intermediate_size",
  "num_hidden_layers",
  "num_attention_heads",
  "num_key_value_heads",
  "head_dim",
];

/**
 * Checks that `fine` can be a fine-tune of `base`: `W_fine − W_base` exists for each linear layer.
 *
 * @throws {CheckpointError} naming the first setting in which they differ and may not.
 */
export function checkPair(base: Checkpoint, fine: Checkpoint): void {
  const difference = firstDifference(
    fine.config,
    base.config,
    (field) => SHARED.includes(field),
  );
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
