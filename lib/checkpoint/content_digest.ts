/**
 * A digest over what a safetensors file holds, to be kept in its own metadata: any change of a tensor or
 * of the metadata shows, while another program may write the same content in another order.
 */

import { createHash } from "node:crypto";
import type { RawTensor } from "./tensor.ts";

/** The metadata's field that holds the digest. */
export const DIGEST = "digest";

/**
 * SHA-256, in hex, over the metadata but {@linkcode DIGEST}, sorted by name, then name, type, shape and bytes
 * of each tensor in the order of names.
 */
export function contentDigest(
  metadata: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, RawTensor>,
): string {
  const fields = Object.entries(metadata).filter(([name]) => name !== DIGEST);
  const hash = createHash("sha256").update(JSON.stringify(fields.sort(byName)));
  for (const [name, { dtype, shape, bytes }] of [...tensors].sort(byName)) {
    hash.update(JSON.stringify([name, dtype, shape])).update(bytes);
  }
  return hash.digest("hex");
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
