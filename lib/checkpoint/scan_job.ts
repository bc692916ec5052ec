/**
 * Reading the bytes of a tensor once for all that is asked of them: a job for a worker, or for the thread
 * that asks where they are few.
 *
 * Block by block, little enough for a processor's cache: from the file, to the digest, to the search for what
 * is not finite, to where the caller wants them. Not here: what of a pair is found in the same pass.
 */

import type { Job } from "../util/job.ts";
import { runJob } from "../util/worker_pool.ts";
import { memoryOf } from "../util/wasm.ts";
import { Blake3 } from "./blake3.ts";
import { type FileRange, RangeReader } from "./file_range.ts";
import { finiteModule, finiteSearch, STRIDE } from "./finite_module.ts";
import { isLittle } from "./room.ts";
import { ELEMENT_SIZES, type FloatType } from "./tensor.ts";

/** Bytes of a block. */
export const BLOCK_BYTES = 512 * 1024;

/** Whether work on bytes is done where it is asked for: they are few, or would have to be copied first. */
export function isInline(from: FileRange | Uint8Array): boolean {
  const isApart = from instanceof Uint8Array && !(from.buffer instanceof SharedArrayBuffer);
  return isApart || isLittle(from.byteLength);
}

/** What is asked of a tensor. */
export interface ScanOrder {
  /** Where its bytes are: in a file, or at hand. */
  readonly from: FileRange | Uint8Array;
  /** Takes the bytes; `null`: nobody wants them. */
  readonly into: Uint8Array | null;
  /** Whether they are digested. */
  readonly digest: boolean;
  /** The type of numbers to be searched for what is not finite; `null`: they are not. */
  readonly finite: FloatType | null;
}

/** What was found. */
export interface Scan {
  /** {@linkcode Blake3} of the bytes; `null` if it was not asked for. */
  readonly digest: string | null;
  /** Index of the first element that is not finite; −1 if there is none, or it was not asked for. */
  readonly notFinite: number;
}

/** The job; {@linkcode scan} runs it. */
export const scanJob: Job<[order: ScanOrder, module: WebAssembly.Module | null], Scan> = {
  module: import.meta.url,
  name: "scanJob",
  run({ from, into, digest, finite }, module) {
    using source = blocksOf(from);
    const search = module && finiteSearch(module);
    const hash = digest ? new Blake3() : null;
    let notFinite = -1;
    for (let at = 0; at < from.byteLength; at += BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, from.byteLength - at);
      const target = into?.subarray(at, at + length);
      const block = search
        ? memoryOf(search.memory, BLOCK_BYTES + STRIDE).subarray(0, length)
        : target ?? new Uint8Array(length);
      source.read(block);
      hash?.update(block);
      if (search && finite && notFinite < 0) {
        const found = search.find(finite, length);
        if (found >= 0) notFinite = at / ELEMENT_SIZES[finite] + found;
      }
      if (target && block !== target) target.set(block);
    }
    return { digest: hash && hash.digest(), notFinite };
  },
};

/** The bytes of a tensor, one block after another. */
export function blocksOf(
  from: FileRange | Uint8Array,
): Disposable & { read(block: Uint8Array): void } {
  if (!(from instanceof Uint8Array)) return new RangeReader(from);
  let at = 0;
  return {
    read: (block) => block.set(from.subarray(at, at += block.length)),
    [Symbol.dispose]() {},
  };
}

/**
 * Reads a tensor.
 *
 * @throws {TensorFileError} if the file cannot be read, or is no longer the one that it was.
 */
export async function scan(order: ScanOrder, signal?: AbortSignal): Promise<Scan> {
  // Its memory is a block's that stays in the cache, whether numbers are searched or not.
  const module = order.finite || !order.into ? await finiteModule() : null;
  return await runJob(scanJob, [order, module], { inline: isInline(order.from), signal });
}
