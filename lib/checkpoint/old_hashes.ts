/** What delta files of earlier versions call a checkpoint, by SHA-256. */

import { createHash } from "node:crypto";
import { type DecoderConfig, hashedConfig } from "./config.ts";
import type { RawTensor } from "./tensor.ts";
import { tensorNames } from "./weights.ts";

/** A checkpoint, as far as its old hashes go. */
export interface Hashed {
  readonly config: DecoderConfig;
  read(tensor: string): Promise<RawTensor>;
}

/**
 * In hex, all over the configuration and the tensors in order of name. In files of version 3: name and digest
 * of each, which is the SHA-256 over its name, type, shape and bytes. In those of versions 1 and 2: these
 * themselves, in one chain.
 */
export async function oldHashes(checkpoint: Hashed): Promise<[tree: string, chain: string]> {
  const { config } = checkpoint;
  const [root, chain] = ["", ""].map(() => createHash("sha256").update(hashedConfig(config)));
  for (const tensor of tensorNames(config).sort()) {
    const { dtype, shape, bytes } = await checkpoint.read(tensor);
    const info = JSON.stringify([tensor, dtype, shape]);
    const digest = createHash("sha256").update(info).update(bytes).digest("hex");
    root.update(JSON.stringify([tensor, digest]));
    chain.update(info).update(bytes);
  }
  return [root.digest("hex"), chain.digest("hex")];
}
