/**
 * A delta file before its numbers are known: how long its header will be, the order of its entries and where each
 * lies.
 */

import { BLAKE3 } from "../checkpoint/blake3.ts";
import { DIGEST } from "../checkpoint/content_digest.ts";
import type { NamedTensorInfo } from "../checkpoint/safetensors.ts";
import { formatHeader, LONGEST_HEADER } from "../checkpoint/safetensors_header.ts";
import { byteCount, type TensorInfo } from "../checkpoint/tensor.ts";
import { DeltaError } from "../util/errors.ts";
import type { Delta } from "./delta.ts";
import { formatMetadata } from "./delta_header.ts";
import { deltaEntries } from "./delta_size.ts";

/** As long as any digest of an entry, or hash of a checkpoint, and as that of the file. */
const NO_HASH = BLAKE3 + "0".repeat(64);
const NO_DIGEST = "0".repeat(64);

/** Entries in the order of the file. */
function inOrder(entries: ReadonlyMap<string, TensorInfo>): NamedTensorInfo[] {
  return [...entries].map(([name, info]) => ({ name, ...info }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}

/**
 * Bytes of the header with all digests and hashes, its length included: where the numbers begin.
 *
 * @throws {DeltaError} if there are more entries than a header can name.
 */
function headerBytes(
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

/** Where a planned delta's entries lie in its file. */
export interface DeltaPlaces {
  /** Type and shape of each. */
  readonly entries: ReadonlyMap<string, TensorInfo>;
  /** In the order of the file. */
  readonly sorted: readonly NamedTensorInfo[];
  /** Where each begins in the file, in bytes. */
  readonly begins: ReadonlyMap<string, number>;
  /** Where the first does. */
  readonly headerLength: number;
  /** Of the whole file. */
  readonly byteLength: number;
}

/**
 * The places of a plan's entries.
 *
 * @param file for errors.
 * @throws {DeltaError} if two entries are of one name, or there are more than a header can name.
 */
export function deltaPlaces(
  plan: Pick<Delta, "metadata" | "layers" | "whole">,
  file?: string,
): DeltaPlaces {
  const entries = deltaEntries(plan, file);
  const sorted = inOrder(entries);
  const headerLength = headerBytes(plan, sorted, file);
  const begins = new Map<string, number>();
  let begin = headerLength;
  for (const { name, ...info } of sorted) {
    begins.set(name, begin);
    begin += byteCount(info);
  }
  return { entries, sorted, begins, headerLength, byteLength: begin };
}
