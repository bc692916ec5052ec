/** The header of a delta file before its numbers are known: how long it will be, and the order of its entries. */

import { BLAKE3 } from "../checkpoint/blake3.ts";
import { DIGEST } from "../checkpoint/content_digest.ts";
import type { NamedTensorInfo } from "../checkpoint/safetensors.ts";
import { formatHeader, LONGEST_HEADER } from "../checkpoint/safetensors_header.ts";
import type { TensorInfo } from "../checkpoint/tensor.ts";
import { DeltaError } from "../util/errors.ts";
import type { Delta } from "./delta.ts";
import { formatMetadata } from "./delta_header.ts";

/** As long as any digest of an entry, or hash of a checkpoint, and as that of the file. */
const NO_HASH = BLAKE3 + "0".repeat(64);
const NO_DIGEST = "0".repeat(64);

/** Entries in the order of the file. */
export function inOrder(entries: ReadonlyMap<string, TensorInfo>): NamedTensorInfo[] {
  return [...entries].map(([name, info]) => ({ name, ...info }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}

/**
 * Bytes of the header with all digests and hashes, its length included: where the numbers begin.
 *
 * @throws {DeltaError} if there are more entries than a header can name.
 */
export function headerBytes(
  { metadata, layers }: Pick<Delta, "metadata" | "layers">,
  entries: readonly NamedTensorInfo[],
  file?: string,
): number {
  const baseHash = metadata.baseHash ?? NO_HASH;
  const fineHash = metadata.fineHash ?? NO_HASH;
  const digests = new Map(entries.map(({ name }) => [name, NO_HASH]));
  const fields = formatMetadata({ metadata: { ...metadata, baseHash, fineHash }, layers }, digests);
  const { length } = formatHeader(entries, { ...fields, [DIGEST]: NO_DIGEST });
  if (length <= 8 + LONGEST_HEADER) return length;
  throw new DeltaError({
    problem: "has more parts than a header can name",
    file,
    value: `${entries.length} parts, in ${length} bytes`,
    expected: `a header of at most ${LONGEST_HEADER} bytes`,
  });
}
