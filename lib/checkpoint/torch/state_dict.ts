/**
 * A state dict: tensors by name, as a pickle has them, each held to be a plain stretch of its storage. Not here:
 * where storages lie (`torch_file.ts`).
 */

import { TorchError } from "../../util/errors.ts";
import { ELEMENT_SIZES, elementCount, type TensorInfo } from "../tensor.ts";
import { type Pickled, PickledObject } from "./pickled.ts";
import { StoredTensor } from "./torch_globals.ts";

/** A tensor of a state dict. */
export interface StateTensor extends TensorInfo {
  /** The name of its storage in the file. */
  readonly storage: string;
  /** Bytes of the storage, at least. */
  readonly storageLength: number;
  /** Its first byte in the storage. */
  readonly offset: number;
  /** Bytes. */
  readonly byteLength: number;
}

/**
 * The tensors of what a pickle holds.
 *
 * @param file that it comes from, for errors.
 * @throws {TorchError} if it is anything but a dictionary of tensors by text, or a tensor is not contiguous or
 * reaches out of its storage.
 */
export function stateDictOf(value: Pickled, file: string): Map<string, StateTensor> {
  if (!(value instanceof Map)) throw fault(file, undefined, kindOf(value));
  const tensors = new Map<string, StateTensor>();
  for (const [name, tensor] of value) {
    if (typeof name !== "string") throw fault(file, undefined, `${kindOf(name)} as a name`);
    if (!(tensor instanceof StoredTensor)) throw fault(file, name, kindOf(tensor));
    tensors.set(name, stretchOf(tensor, name, file));
  }
  return tensors;
}

function stretchOf(tensor: StoredTensor, name: string, file: string): StateTensor {
  const { storage, dtype, offset, shape, strides } = tensor;
  const size = ELEMENT_SIZES[dtype];
  const storageLength = storage.count * ELEMENT_SIZES[storage.dtype ?? "U8"];
  const count = elementCount(shape);
  if (!isContiguous(shape, strides)) {
    throw new TorchError({
      problem: "is a view that is not contiguous",
      file,
      tensor: name,
      value: `strides [${strides}] of shape [${shape}]`,
      expected: "tensors that lie in their storage as they are; save `tensor.contiguous()`",
    });
  }
  if ((offset + count) * size > storageLength) {
    throw new TorchError({
      problem: "reaches out of its storage",
      file,
      tensor: name,
      value: `elements ${offset} to ${offset + count}`,
      expected: `elements within the ${storageLength} bytes of '${storage.key}'`,
    });
  }
  return {
    dtype,
    shape,
    storage: storage.key,
    storageLength,
    offset: offset * size,
    byteLength: count * size,
  };
}

/** Row-major without holes; of a side of one the stride means nothing. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue;
    if (strides[axis] !== stride) return false;
    stride *= shape[axis];
  }
  return true;
}

function kindOf(value: Pickled): string {
  if (value === null) return "None";
  if (value instanceof Map) return "a dictionary";
  if (value instanceof Set) return "a set";
  if (value instanceof StoredTensor) return "a tensor";
  if (value instanceof PickledObject) return "a storage";
  if (Array.isArray(value)) return "a list or tuple";
  return typeof value === "object" ? "bytes, a class or a function" : `a ${typeof value}`;
}

function fault(file: string, tensor: string | undefined, value: string): TorchError {
  const expected = "a state dict: a dictionary of tensors alone, by their names";
  return new TorchError({
    problem: "holds something else than tensors",
    file,
    tensor,
    value,
    expected,
  });
}
