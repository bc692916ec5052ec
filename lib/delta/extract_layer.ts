/**
 * From the weights of one linear layer, base and fine-tune, to its mask and mean magnitude.
 *
 * Streams blocks of rows through the WebAssembly module's memory, which stays near one
 * mebibyte whatever the layer's size: little enough for a processor's cache. Not here: reading
 * checkpoints.
 */

import {
  byteCount,
  ELEMENT_SIZES,
  type FloatType,
  fromFloat32,
  type RawTensor,
  toFloat32,
} from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { differenceType } from "./difference.ts";
import { type ExtractionModule, extractionModule } from "./extraction_module.ts";
import { wordsPerRow } from "../codecs/signs.ts";

/** Bytes of one operand's block: the fastest of 64 KiB … 4 MiB, where 64 KiB took a third longer. */
const BLOCK_BYTES = 512 * 1024;

/** The signs of `Δ = W_fine − W_base` and `mean|Δ|`. */
export interface ExtractedSigns {
  /** `[ceil(in / 32), out]`, see `codecs/signs.ts`. */
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
  const module = await extractionModule();
  const [outSize, inSize] = fine.shape as LinearShape;
  const words = wordsPerRow(inSize);
  const mask = new Int32Array(words * outSize);
  const type = differenceType(base.dtype, fine.dtype);
  const block = new Block(module, type, inSize, outSize);
  let sum = 0;
  for (let start = 0; start < outSize; start += block.rows) {
    const rows = Math.min(block.rows, outSize - start);
    const fineRows = operand(rowsOf(fine, start, rows), type);
    const baseRows = operand(rowsOf(base, start, rows), type);
    block.fill(fineRows, baseRows, rows);
    sum += module.run[type](block.fine, block.base, block.words, rows, words);
    const packed = new Int32Array(module.memory.buffer, block.words, words * rows);
    for (let w = 0; w < words; w++) {
      mask.set(packed.subarray(w * rows, (w + 1) * rows), w * outSize + start);
    }
  }
  return { mask, meanMagnitude: sum / (outSize * inSize) };
}

/** The module's memory as three regions: rows of the fine-tune, rows of the base, packed words. */
class Block {
  readonly rows: number;
  readonly fine = 0;
  readonly base: number;
  readonly words: number;
  readonly #memory: WebAssembly.Memory;
  /** Bytes of a row as it comes, and filled up to whole words. */
  readonly #rowBytes: number;
  readonly #paddedRowBytes: number;

  constructor(module: ExtractionModule, type: FloatType, inSize: number, outSize: number) {
    const elementSize = ELEMENT_SIZES[type];
    this.#memory = module.memory;
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
  const { dtype, shape: [, inSize] } = tensor;
  const rowBytes = byteCount({ dtype, shape: [inSize] });
  const bytes = tensor.bytes.subarray(start * rowBytes, (start + rows) * rowBytes);
  return { dtype, shape: [rows, inSize], bytes };
}

/** The bytes that the module is to subtract: the tensors' own or, of two types, float32 copies. */
function operand(tensor: RawTensor, type: FloatType): Uint8Array {
  return tensor.dtype === type ? tensor.bytes : fromFloat32(toFloat32(tensor), type);
}
