/**
 * Tensors as bytes, and their conversion to and from 32-bit floats.
 *
 * Values are little-endian, as in a safetensors file and on every machine that runs Deno. Not here:
 * arithmetic, and any layout but row-major and dense.
 */

/** Element types of the safetensors format with their size in bytes. */
export const ELEMENT_SIZES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

/** An element type of the safetensors format. */
export type TensorType = keyof typeof ELEMENT_SIZES;

/** Element types that weights are kept in. */
export type FloatType = "F32" | "F16" | "BF16";

/** Type and shape of a tensor. */
export interface TensorInfo {
  /** Element type in the file. */
  readonly dtype: TensorType;
  /** Row-major; `[]` for a scalar. */
  readonly shape: readonly number[];
}

/** A tensor with its bytes, row-major, little-endian. */
export interface RawTensor extends TensorInfo {
  /** As long as type and shape say. */
  readonly bytes: Uint8Array;
}

/** Whether weights can be of this type. */
export function isFloatType(dtype: TensorType): dtype is FloatType {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/** How many elements a shape holds: the product of its sides, 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, side) => count * side, 1);
}

/**
 * How many bytes a tensor takes.
 *
 * @example
 * ```ts
 * import { byteCount } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(byteCount({ dtype: "BF16", shape: [3, 5] }), 30);
 * ```
 */
export function byteCount(info: TensorInfo): number {
  return elementCount(info.shape) * ELEMENT_SIZES[info.dtype];
}

/**
 * The values of a tensor as 32-bit floats, exactly; F32 shares the tensor's memory.
 *
 * @throws {TypeError} if the tensor is not F32, F16 or BF16.
 *
 * @example
 * ```ts
 * import { toFloat32 } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * // 0x3fc0 is the upper half of 1.5 as a 32-bit float.
 * const bytes = new Uint8Array(Uint16Array.of(0x3fc0).buffer);
 * assert.deepEqual(toFloat32({ dtype: "BF16", shape: [1], bytes }), Float32Array.of(1.5));
 * ```
 */
export function toFloat32(raw: RawTensor): Float32Array {
  const { buffer, byteOffset, byteLength } = aligned(raw.bytes);
  switch (raw.dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "F16":
      return new Float32Array(new Float16Array(buffer, byteOffset, byteLength / 2));
    case "BF16":
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, byteLength / 2));
    default:
      throw new TypeError(`cannot read ${raw.dtype} as floats; expected F32, F16 or BF16`);
  }
}

/** Rows `begin` to `end` of a matrix, sharing its bytes; the matrix itself where these are all. */
export function rowsOf(matrix: RawTensor, begin: number, end: number): RawTensor {
  const [rows, ...row] = matrix.shape;
  if (begin === 0 && end === rows) return matrix;
  const size = byteCount({ dtype: matrix.dtype, shape: row });
  const bytes = matrix.bytes.subarray(begin * size, end * size);
  return { dtype: matrix.dtype, shape: [end - begin, ...row], bytes };
}

/** The bytes of `values` in another float type: rounded to nearest, ties to even; F32 shares memory. */
export function fromFloat32(values: Float32Array, dtype: FloatType): Uint8Array {
  switch (dtype) {
    case "F32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "F16":
      return new Uint8Array(new Float16Array(values).buffer);
    case "BF16":
      return new Uint8Array(float32ToBfloat16(values).buffer);
  }
}

/**
 * The values of an I32 tensor, which share its memory.
 *
 * @example
 * ```ts
 * import { int32Tensor, toInt32 } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const words = Int32Array.of(-1, 7);
 * assert.deepEqual(toInt32(int32Tensor(words, [2, 1])), words);
 * ```
 */
export function toInt32({ bytes }: RawTensor): Int32Array {
  const { buffer, byteOffset, byteLength } = aligned(bytes);
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

/**
 * An F32 tensor that shares the memory of `values`.
 *
 * @example
 * ```ts
 * import { float32Tensor } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const row = Float32Array.of(0.5, -2);
 * const { shape, bytes } = float32Tensor(row, [1, 2]);
 * assert.deepEqual([shape, bytes.length], [[1, 2], 8]);
 * ```
 */
export function float32Tensor(values: Float32Array, shape: readonly number[]): RawTensor {
  return { dtype: "F32", shape, bytes: fromFloat32(values, "F32") };
}

/**
 * An I32 tensor that shares the memory of `values`.
 *
 * @example
 * ```ts
 * import { int32Tensor } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { dtype, bytes } = int32Tensor(Int32Array.of(1), []);
 * assert.deepEqual([dtype, [...bytes]], ["I32", [1, 0, 0, 0]]);
 * ```
 */
export function int32Tensor(values: Int32Array, shape: readonly number[]): RawTensor {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { dtype: "I32", shape, bytes };
}

/** A bfloat16 is the upper half of a float32. */
function bfloat16ToFloat32(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
  return new Float32Array(words.buffer);
}

/**
 * Adding just under half of the last kept place, plus one when that place is odd, rounds to nearest
 * with ties to even, for subnormals and up into infinity alike. A NaN is made quiet instead: the
 * addition could carry it into zero.
 */
function float32ToBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    halves[i] = isNaN ? word >>> 16 | 0x40 : word + 0x7fff + (word >>> 16 & 1) >>> 16;
  }
  return halves;
}

/** The same bytes at an address that a typed array of any element may start at. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
}
