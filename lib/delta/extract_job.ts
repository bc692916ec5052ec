/**
 * Extraction as a job: the weights of one linear layer of both checkpoints, read once for all that is asked of
 * them. While a block is in the processor's cache it is digested, kept where the caller wants it, and
 * extracted.
 */

import { Blake3 } from "../checkpoint/blake3.ts";
import type { FileRange } from "../checkpoint/file_range.ts";
import { floatKernels } from "../checkpoint/float_kernels.ts";
import { blocksOf, isInline } from "../checkpoint/scan_job.ts";
import type { FloatType, RawTensor } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import type { Job } from "../util/job.ts";
import { runJob } from "../util/worker_pool.ts";
import { extractBlocks, type ExtractedSigns, type Operand } from "./extract_layer.ts";
import { extractionCode, extractionModule } from "./extraction_module.ts";

/** One checkpoint's weights of a layer. */
export interface Side {
  readonly dtype: FloatType;
  /** Where the bytes are: in a file, or at hand. */
  readonly from: FileRange | Uint8Array;
  /** Takes them; `null`: nobody wants them. */
  readonly into: Uint8Array | null;
  /** Whether they are digested. */
  readonly digest: boolean;
}

/** The weights of a layer. */
export interface ExtractOrder {
  readonly shape: LinearShape;
  readonly base: Side;
  readonly fine: Side;
}

/** What was found in one pass. */
export interface Extraction {
  readonly signs: ExtractedSigns;
  /** {@linkcode Blake3} of the bytes; `null` if it was not asked for. */
  readonly baseDigest: string | null;
  /** As `baseDigest`. */
  readonly fineDigest: string | null;
}

/** The job; {@linkcode extract} runs it. */
export const extractJob: Job<[order: ExtractOrder, code: WebAssembly.Module], Extraction> = {
  module: import.meta.url,
  name: "extractJob",
  async run({ shape, base, fine }, code) {
    const kernels = base.dtype === fine.dtype ? null : await (ownKernels ??= floatKernels());
    using ofBase = new SideReader(base);
    using ofFine = new SideReader(fine);
    const signs = extractBlocks({ module: extractionModule(code), kernels }, shape, ofBase, ofFine);
    return { signs, baseDigest: ofBase.digest(), fineDigest: ofFine.digest() };
  },
  moved: ({ signs }) => [signs.mask.buffer as ArrayBuffer],
};

let ownKernels: ReturnType<typeof floatKernels> | null = null;

/** Reads one side, block after block. */
class SideReader implements Operand, Disposable {
  readonly dtype: FloatType;
  readonly #source: ReturnType<typeof blocksOf>;
  readonly #into: Uint8Array | null;
  readonly #hash: Blake3 | null;
  #at = 0;

  constructor({ dtype, from, into, digest }: Side) {
    this.dtype = dtype;
    this.#into = into;
    this.#hash = digest ? new Blake3() : null;
    this.#source = blocksOf(from);
  }

  read(target: Uint8Array): void {
    this.#source.read(target);
    this.#hash?.update(target);
    this.#into?.set(target, this.#at);
    this.#at += target.length;
  }

  digest(): string | null {
    return this.#hash && this.#hash.digest();
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }
}

/**
 * The signs and mean magnitude of a layer's delta, and what is asked for beside.
 *
 * @throws {TensorFileError} if a file cannot be read, or is no longer the one that it was.
 */
export async function extract(order: ExtractOrder, signal?: AbortSignal): Promise<Extraction> {
  const inline = isInline(order.fine.from);
  return await runJob(extractJob, [order, await extractionCode()], { inline, signal });
}

/**
 * {@linkcode extract} of weights at hand.
 *
 * @param base, fine the layer's weights, `[out, in]`, F32, F16 or BF16.
 */
export async function extractSigns(base: RawTensor, fine: RawTensor): Promise<ExtractedSigns> {
  const side = ({ dtype, bytes: from }: RawTensor): Side => ({
    dtype: dtype as FloatType,
    from,
    into: null,
    digest: false,
  });
  const shape = fine.shape as LinearShape;
  return (await extract({ shape, base: side(base), fine: side(fine) })).signs;
}
