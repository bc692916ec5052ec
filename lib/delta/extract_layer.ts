/**
 * From the weights of one linear layer, base and fine-tune, to its mask and mean magnitude.
 *
 * Streams blocks of rows through the WebAssembly kernel's memory, which stays within a few hundred
 * kilobytes whatever the layer's size: small enough to stay in a processor's cache. Not here: reading
 * checkpoints (`extract.ts`).
 */

import { byteCount, type RawTensor, toFloat32 } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { differenceType, roundTo } from "./difference.ts";
import { type ExtractKernel, extractKernel, type KernelType } from "./extract_kernel.ts";
import { wordsPerRow } from "./signs.ts";

/** Bytes of one operand's block. Of 64 KiB … 4 MiB this was the fastest, by a few percent. */
const BLOCK_BYTES = 2048 * 1024;

/** The signs of `Δ = W_fine − W_base` and `mean|Δ|`. */
export interface ExtractedSigns {
  /** `[ceil(in / 32), out]`, see `signs.ts`. */
  readonly mask: Int32Array;
  /** Mean over all elements, summed in float64; NaN or infinite if a difference is. */
  readonly meanMagnitude: number;
}

/**
 * Extracts the signs and mean magnitude of a delta.
 *
 * Δ is what `differenceType` says: rounded to the checkpoints' type where they share one, as the study
 * subtracts. Rows are filled up to a multiple of 32 with zeros on both sides, hence with +1 and without
 * a part in the mean.
 *
 * @param base, fine the layer's weights, `[out, in]`, F32, F16 or BF16.
 */
export async function extractSigns(base: RawTensor, fine: RawTensor): Promise<ExtractedSigns> {
  const kernel = await extractKernel();
  const [outSize, inSize] = fine.shape as LinearShape;
  const words = wordsPerRow(inSize);
  const mask = new Int32Array(words * outSize);
  const bothBfloat16 = base.dtype === "BF16" && fine.dtype === "BF16";
  const type: KernelType = bothBfloat16 ? "BF16" : "F32";
  const block = new Block(kernel, type, inSize, outSize);
  let sum = 0;
  for (let start = 0; start < outSize; start += block.rows) {
    const rows = Math.min(block.rows, outSize - start);
    const [baseRows, fineRows] = operands(rowsOf(base, start, rows), rowsOf(fine, start, rows));
    block.fill(fineRows, baseRows, rows);
    sum += kernel.run[type](block.fine, block.base, block.words, rows, words);
    const packed = new Int32Array(kernel.memory.buffer, block.words, words * rows);
    for (let w = 0; w < words; w++) {
      mask.set(packed.subarray(w * rows, (w + 1) * rows), w * outSize + start);
    }
  }
  return { mask, meanMagnitude: sum / (outSize * inSize) };
}

/** The kernel's memory as three regions: rows of the fine-tune, rows of the base, packed words. */
class Block {
  readonly rows: number;
  readonly fine = 0;
  readonly base: number;
  readonly words: number;
  readonly #memory: WebAssembly.Memory;
  /** Bytes of a row as it comes, and filled up to whole words. */
  readonly #rowBytes: number;
  readonly #paddedRowBytes: number;

  constructor(kernel: ExtractKernel, type: KernelType, inSize: number, outSize: number) {
    const elementSize = type === "BF16" ? 2 : 4;
    this.#memory = kernel.memory;
    this.#rowBytes = inSize * elementSize;
    this.#paddedRowBytes = wordsPerRow(inSize) * 32 * elementSize;
    const fitting = Math.max(1, Math.floor(BLOCK_BYTES / this.#paddedRowBytes));
    this.rows = Math.min(fitting, outSize);
    this.base = this.rows * this.#paddedRowBytes;
    this.words = 2 * this.base;
    const bytes = this.words + this.rows * wordsPerRow(inSize) * 4;
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / 65536));
    new Uint8Array(this.#memory.buffer, 0, this.words).fill(0);
  }

  fill(fine: Uint8Array, base: Uint8Array, rows: number): void {
    const memory = new Uint8Array(this.#memory.buffer);
    if (this.#rowBytes === this.#paddedRowBytes) {
      memory.set(fine, this.fine);
      memory.set(base, this.base);
      return;
    }
    for (let row = 0; row < rows; row++) {
      const source = row * this.#rowBytes;
      const target = row * this.#paddedRowBytes;
      memory.set(fine.subarray(source, source + this.#rowBytes), this.fine + target);
      memory.set(base.subarray(source, source + this.#rowBytes), this.base + target);
    }
  }
}

function rowsOf(tensor: RawTensor, start: number, rows: number): RawTensor {
  const shape = [rows, tensor.shape[1]];
  const size = byteCount({ dtype: tensor.dtype, shape });
  const begin = start / rows * size;
  return { dtype: tensor.dtype, shape, bytes: tensor.bytes.subarray(begin, begin + size) };
}

/**
 * The bytes that the kernel is to subtract: the tensors' own, or, where it cannot read them, float32
 * copies. Two F16 matrices are subtracted here, for their difference is rounded to F16.
 */
function operands(base: RawTensor, fine: RawTensor): [base: Uint8Array, fine: Uint8Array] {
  if (base.dtype === fine.dtype && base.dtype !== "F16") return [base.bytes, fine.bytes];
  const baseValues = toFloat32(base);
  const fineValues = toFloat32(fine);
  if (differenceType(base.dtype, fine.dtype) !== "F16") {
    return [bytesOf(baseValues), bytesOf(fineValues)];
  }
  const delta = roundTo(fineValues.map((value, i) => value - baseValues[i]), "F16");
  return [new Uint8Array(delta.byteLength), bytesOf(delta)];
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
