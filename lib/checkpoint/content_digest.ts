/**
 * A digest over what a safetensors file holds, to be kept in its own metadata: any change of a tensor or
 * of the metadata shows, while another program may write the same content in another order.
 */

import { createHash, type Hash } from "node:crypto";
import type { RawTensor, TensorInfo } from "./tensor.ts";

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
  const hash = hashOf(metadata);
  for (const [name, tensor] of [...tensors].sort(byName)) {
    hash.update(describe(name, tensor)).update(tensor.bytes);
  }
  return hash.digest("hex");
}

/** {@linkcode contentDigest} of tensors that are read one at a time, in the order of their names. */
export async function streamedContentDigest(
  metadata: Readonly<Record<string, string>>,
  names: Iterable<string>,
  read: (name: string) => Promise<RawTensor>,
): Promise<string> {
  const hash = hashOf(metadata);
  for (const name of [...names].sort()) {
    const tensor = await read(name);
    hash.update(describe(name, tensor)).update(tensor.bytes);
  }
  return hash.digest("hex");
}

/**
 * The root of a file whose metadata holds the digest of each tensor's bytes: SHA-256, in hex, over the
 * metadata but {@linkcode DIGEST}, sorted by name, then name, type and shape of each tensor in the order
 * of names. It is known from the header alone.
 */
export function headerDigest(
  metadata: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, TensorInfo>,
): string {
  const hash = hashOf(metadata);
  for (const [name, info] of [...tensors].sort(byName)) hash.update(describe(name, info));
  return hash.digest("hex");
}

/** SHA-256 of the bytes of a tensor, in hex. */
export function bytesDigest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hashOf(metadata: Readonly<Record<string, string>>): Hash {
  const fields = Object.entries(metadata).filter(([name]) => name !== DIGEST);
  return createHash("sha256").update(JSON.stringify(fields.sort(byName)));
}

function describe(name: string, { dtype, shape }: TensorInfo): string {
  return JSON.stringify([name, dtype, shape]);
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
