/**
 * From the weights of one linear layer, base and fine-tune, to its mask and mean magnitude.
 *
 * Streams blocks of rows through the WebAssembly module's memory, which stays near one mebibyte whatever the
 * layer's size: little enough for a processor's cache. Not here: where the bytes come from
 * (`extract_job.ts`).
 */

import { memoryOf } from "../util/wasm.ts";
import { BLOCK as WIDENED, type FloatKernels } from "../checkpoint/float_kernels.ts";
import { ELEMENT_SIZES, type FloatType } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { wordsPerRow } from "../codecs/signs.ts";
import { differenceType } from "./difference.ts";
import type { ExtractionModule } from "./extraction_module.ts";

/** Bytes of one operand's block: the fastest of 64 KiB … 4 MiB, where 64 KiB took a third longer. */
const BLOCK_BYTES = 512 * 1024;

/** The signs of `Δ = W_fine − W_base` and `mean|Δ|`. */
export interface ExtractedSigns {
  /** `[ceil(in / 32), out]`, see `codecs/signs.ts`. */
  readonly mask: Int32Array;
  /** Mean over all elements, summed in float64; NaN or infinite if a difference is. */
  readonly meanMagnitude: number;
}

/** A matrix whose bytes come from its start to its end. */
export interface Operand {
  readonly dtype: FloatType;
  /** Fills memory with the bytes that follow. */
  read(target: Uint8Array): void;
}

/** What a thread extracts with. */
export interface Extractor {
  readonly module: ExtractionModule;
  /** Widens operands of two types; of one type none is needed. */
  readonly kernels: FloatKernels | null;
}

/**
 * Extracts the signs and mean magnitude of a delta.
 *
 * Δ is what `differenceType` says: rounded to the checkpoints' type where they share one, as the study
 * subtracts. Rows are filled up to a multiple of 32 with zeros on both sides, hence with +1 and without
 * a part in the mean.
 *
 * @param base, fine the layer's weights, `[out, in]`.
 */
export function extractBlocks(
  { module, kernels }: Extractor,
  [outSize, inSize]: LinearShape,
  base: Operand,
  fine: Operand,
): ExtractedSigns & { readonly mask: Int32Array<ArrayBuffer> } {
  const words = wordsPerRow(inSize);
  const mask = new Int32Array(words * outSize);
  const type = differenceType(base.dtype, fine.dtype);
  const block = new Block(module, type, inSize, outSize);
  let sum = 0;
  for (let start = 0; start < outSize; start += block.rows) {
    const rows = Math.min(block.rows, outSize - start);
    for (const [operand, address] of [[base, block.base], [fine, block.fine]] as const) {
      block.fill(address, rows, operand, kernels);
    }
    sum += module.run[type](block.fine, block.base, block.words, rows, words);
    const packed = new Int32Array(module.memory.buffer, block.words, words * rows);
    for (let w = 0; w < words; w++) {
      mask.set(packed.subarray(w * rows, (w + 1) * rows), w * outSize + start);
    }
  }
  return { mask, meanMagnitude: sum / (outSize * inSize) };
}

/**
 * The module's memory as regions: rows of the fine-tune, rows of the base, packed words, and room for rows as
 * they come where they are of another type or width than the module takes.
 */
class Block {
  readonly rows: number;
  readonly fine = 0;
  readonly base: number;
  readonly words: number;
  readonly #coming: number;
  readonly #memory: Uint8Array;

  constructor(
    module: ExtractionModule,
    readonly type: FloatType,
    readonly inSize: number,
    outSize: number,
  ) {
    const paddedRowBytes = wordsPerRow(inSize) * 32 * ELEMENT_SIZES[type];
    const fitting = Math.max(1, Math.floor(BLOCK_BYTES / paddedRowBytes));
    this.rows = Math.min(fitting, outSize);
    this.base = this.rows * paddedRowBytes;
    this.words = 2 * this.base;
    this.#coming = this.words + Math.ceil(this.rows * wordsPerRow(inSize) / 4) * 16;
    this.#memory = memoryOf(module.memory, this.#coming + this.base);
    this.#memory.fill(0, 0, this.words);
  }

  /** Puts the rows that follow of an operand at an address. */
  fill(address: number, rows: number, operand: Operand, kernels: FloatKernels | null): void {
    const { dtype } = operand;
    const count = rows * this.inSize;
    const [rowBytes, paddedRowBytes] = [this.inSize, wordsPerRow(this.inSize) * 32]
      .map((width) => width * ELEMENT_SIZES[this.type]);
    const isWhole = rowBytes === paddedRowBytes;
    const flat = isWhole ? address : this.#coming;
    if (dtype === this.type) {
      operand.read(this.#memory.subarray(flat, flat + rows * rowBytes));
    } else {
      this.#widen(operand, flat, count, kernels!);
    }
    if (isWhole) return;
    for (let row = 0; row < rows; row++) {
      const from = flat + row * rowBytes;
      this.#memory.copyWithin(address + row * paddedRowBytes, from, from + rowBytes);
    }
  }

  /** Puts the float32 of numbers that follow of a narrower operand at an address. */
  #widen(operand: Operand, address: number, count: number, kernels: FloatKernels): void {
    const { memory, widenBF16, widenF16 } = kernels;
    const size = ELEMENT_SIZES[operand.dtype];
    // The first slot takes the halves, the second one their floats.
    const floats = 4 * WIDENED;
    for (let at = 0; at < count; at += WIDENED) {
      const many = Math.min(WIDENED, count - at);
      operand.read(new Uint8Array(memory.buffer, 0, many * size));
      (operand.dtype === "BF16" ? widenBF16 : widenF16)(0, floats, many);
      this.#memory.set(new Uint8Array(memory.buffer, floats, 4 * many), address + 4 * at);
    }
  }
}
