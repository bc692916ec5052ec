/** What is written into reserved memory, checked, as bytes; engines say where these go. */

import { byteCount, elementCount, isFloatType } from "../checkpoint/tensor.ts";
import { ELEMENT_SIZES, fromFloat32, type RawTensor, toFloat32 } from "../checkpoint/tensor.ts";
import { GraphError } from "../util/errors.ts";
import type { Numbers } from "./graph.ts";
import type { ReservedInfo } from "./placed.ts";

/** Bytes, and where they go. */
export interface Writing {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Checks type and shape of memory that is to be reserved.
 *
 * @throws {GraphError} if it could not be read by a graph.
 */
export function requireReservable({ dtype, shape }: ReservedInfo, name: string): void {
  const isStored = isFloatType(dtype) || dtype === "I32";
  if (isStored && shape.every((side) => Number.isInteger(side) && side > 0)) return;
  throw new GraphError({
    problem: `'${name}' cannot be reserved`,
    value: `${dtype}[${shape}]`,
    expected: "F32, F16, BF16 or I32, of sides that are whole and above 0",
  });
}

/**
 * The bytes that a write into reserved memory stores, and where.
 *
 * @throws {GraphError} as {@linkcode Reserved.write} says.
 */
export function writingInto(
  { dtype, shape }: ReservedInfo,
  name: string,
  first: number,
  numbers: Numbers | RawTensor,
): Writing {
  const bytes = bytesAs(dtype, name, numbers);
  return { offset: offsetIn({ dtype, shape }, name, first, bytes.byteLength), bytes };
}

/**
 * The byte at which all of other reserved memory goes when it is copied.
 *
 * @throws {GraphError} as {@linkcode Reserved.write} says.
 */
export function copyingInto(
  info: ReservedInfo,
  name: string,
  first: number,
  { dtype, shape }: ReservedInfo,
): number {
  if (dtype !== info.dtype) throw otherType(info.dtype, name, dtype);
  return offsetIn(info, name, first, byteCount({ dtype, shape }));
}

function offsetIn(
  { dtype, shape }: ReservedInfo,
  name: string,
  first: number,
  byteLength: number,
): number {
  const size = ELEMENT_SIZES[dtype];
  const total = elementCount(shape);
  const end = first + byteLength / size;
  const isWhole = (element: number) => element * size % 4 === 0;
  if (
    Number.isInteger(first) && first >= 0 && end <= total && isWhole(first) &&
    (isWhole(end) || end === total)
  ) return first * size;
  throw new GraphError({
    problem: `what is written does not lie within '${name}'`,
    value: `elements ${first} to ${end}`,
    expected: `elements of ${total}${size === 4 ? "" : ", in pairs"}`,
  });
}

function bytesAs(
  dtype: ReservedInfo["dtype"],
  name: string,
  numbers: Numbers | RawTensor,
): Uint8Array {
  if (!("dtype" in numbers)) {
    const type = numbers instanceof Float32Array ? "F32" : "I32";
    if (type !== dtype) throw otherType(dtype, name, type);
    return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  }
  if (numbers.bytes.byteLength !== byteCount(numbers)) {
    throw new GraphError({
      problem: `what is written into '${name}' is not as long as its shape says`,
      value: numbers.bytes.byteLength,
      expected: `${byteCount(numbers)} bytes`,
    });
  }
  if (numbers.dtype === dtype) return numbers.bytes;
  if (dtype !== "F32" || !isFloatType(numbers.dtype)) throw otherType(dtype, name, numbers.dtype);
  return fromFloat32(toFloat32(numbers), "F32");
}

function otherType(dtype: ReservedInfo["dtype"], name: string, found: string): GraphError {
  return new GraphError({
    problem: `what is written into '${name}' is of another type`,
    value: found,
    expected: dtype === "F32" ? "F32, F16 or BF16" : dtype,
  });
}
