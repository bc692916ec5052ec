/** What tells a checkpoint from another, or from itself once it was written to, without reading its weights. */

import { digestOf } from "./blake3.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { tensorNames } from "./weights.ts";

/** A digest of the configuration and of device, inode, size and time of each file of weights. */
export function filesKey(checkpoint: Checkpoint): string {
  const stamps = new Map<string, unknown>();
  for (const tensor of tensorNames(checkpoint.config)) {
    if (!checkpoint.has(tensor)) continue;
    const { path, stamp } = checkpoint.source(tensor).range;
    stamps.set(path, stamp);
  }
  return digestOf(JSON.stringify([checkpoint.config, [...stamps.values()]]));
}
