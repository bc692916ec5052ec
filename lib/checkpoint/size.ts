/** How much room a checkpoint's weights take as they are stored. */

import type { Checkpoint } from "./checkpoint.ts";
import { byteCount } from "./tensor.ts";
import { tensorNames } from "./weights.ts";

/** Bytes of all tensors of the configuration in their own types; a tied head counts once, as stored. */
export function weightBytes(checkpoint: Checkpoint): number {
  return tensorNames(checkpoint.config)
    .reduce((sum, tensor) => sum + byteCount(checkpoint.info(tensor)), 0);
}
