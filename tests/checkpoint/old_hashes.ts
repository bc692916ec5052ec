/** What delta files of versions 1 to 3 call a checkpoint. */

import { createHash } from "node:crypto";
import type { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { tensorNames } from "../../lib/checkpoint/weights.ts";

/** SHA-256, in hex, over texts and bytes end to end. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  parts.forEach((part) => hash.update(part));
  return hash.digest("hex");
}

/** SHA-256 over the configuration, then name, type, shape and bytes of each tensor in order of name. */
export async function chainedHash(checkpoint: Checkpoint): Promise<string> {
  const parts: (string | Uint8Array)[] = [JSON.stringify(checkpoint.config)];
  for (const name of tensorNames(checkpoint.config).sort()) {
    const { dtype, shape, bytes } = await checkpoint.read(name);
    parts.push(JSON.stringify([name, dtype, shape]), bytes);
  }
  return sha256(...parts);
}

/** SHA-256 over the configuration, then name and digest of each: the SHA-256 of name, type, shape and bytes. */
export async function treeHash(checkpoint: Checkpoint): Promise<string> {
  const parts = [JSON.stringify(checkpoint.config)];
  for (const name of tensorNames(checkpoint.config).sort()) {
    const { dtype, shape, bytes } = await checkpoint.read(name);
    parts.push(JSON.stringify([name, sha256(JSON.stringify([name, dtype, shape]), bytes)]));
  }
  return sha256(...parts);
}
