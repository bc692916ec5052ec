/**
 * What the pickle of a state dict may name, and what it stands for here: storages, the functions that rebuild
 * tensors of them, ordered dictionaries. A fixed list: of these names, this library's own functions and no
 * others. Not here: what tensors are in a file (`state_dict.ts`).
 *
 * The names are those of torch/_utils.py, torch/storage.py and torch/serialization.py:
 * https://github.com/pytorch/pytorch
 */

import type { TensorType } from "../tensor.ts";
import { type Pickled, PickledGlobal, PickledObject, type PickleScope } from "./pickled.ts";

/** Bytes that tensors share, before it is known where they are. */
export class Storage extends PickledObject {
  /**
   * @param dtype of its elements; `null` where they are bytes of any.
   * @param key its name in the file.
   * @param count elements.
   */
  constructor(
    readonly dtype: TensorType | null,
    readonly key: string,
    readonly count: number,
  ) {
    super();
  }
}

/** A tensor: a view of a storage. */
export class StoredTensor extends PickledObject {
  /**
   * @param offset the first element in the storage.
   * @param strides in elements.
   */
  constructor(
    readonly storage: Storage,
    readonly dtype: TensorType,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }
}

/** A class of storages, which is named and never called. */
class StorageClass extends PickledGlobal {
  constructor(name: string, readonly dtype: TensorType | null) {
    super(name, () => null);
  }
}

/** A type of elements, which is named and never called. */
class ElementType extends PickledGlobal {
  constructor(name: string, readonly dtype: TensorType) {
    super(name, () => null);
  }
}

/** Classes of storages: https://pytorch.org/docs/stable/storage.html */
export const STORAGES: Readonly<Record<string, TensorType | null>> = {
  "torch.DoubleStorage": "F64",
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
  "torch.storage.UntypedStorage": null,
};

/** Types that have no class of storages, as tensors of them name them. */
const ELEMENT_TYPES: Readonly<Record<string, TensorType>> = {
  "torch.uint16": "U16",
  "torch.uint32": "U32",
  "torch.uint64": "U64",
  "torch.float8_e4m3fn": "F8_E4M3",
  "torch.float8_e5m2": "F8_E5M2",
};

const GLOBALS: ReadonlyMap<string, PickledGlobal> = new Map(
  [
    ...Object.entries(STORAGES).map(([name, dtype]) => new StorageClass(name, dtype)),
    ...Object.entries(ELEMENT_TYPES).map(([name, dtype]) => new ElementType(name, dtype)),
    new PickledGlobal("collections.OrderedDict", orderedDictionary),
    new PickledGlobal("torch.Size", ([sides]) => areCounts(sides) ? sides : null),
    new PickledGlobal("torch._utils._rebuild_tensor_v2", rebuildTensor),
    new PickledGlobal("torch._utils._rebuild_tensor_v3", (given) => {
      const type = given[6];
      return type instanceof ElementType ? rebuildTensor(given, type.dtype) : null;
    }),
    new PickledGlobal("torch._utils._rebuild_parameter", rebuildParameter),
    new PickledGlobal("torch._utils._rebuild_parameter_with_state", rebuildParameter),
  ].map((each): [string, PickledGlobal] => [each.name, each]),
);

/** What the pickle of a state dict may name. */
export const torchScope: PickleScope = {
  global: (name) => GLOBALS.get(name),
  persistent(id) {
    if (!Array.isArray(id)) return undefined;
    // Where it lay, of which nothing follows, and in old files which view of another it is: none.
    const [kind, type, key, , count, view = null, ...more] = id;
    const isStorage = kind === "storage" && type instanceof StorageClass &&
      typeof key === "string" && isCount(count) && view === null && more.length === 0;
    return isStorage ? new Storage(type.dtype, key, count) : undefined;
  },
};

/** `(storage, offset, size, stride, requires_grad, backward_hooks, …)` */
function rebuildTensor(given: Pickled[], type: TensorType | null = null): StoredTensor | null {
  const [storage, offset, shape, strides] = given;
  const isTensor = storage instanceof Storage && isCount(offset) && areCounts(shape) &&
    areCounts(strides) && shape.length === strides.length;
  if (!isTensor) return null;
  const dtype = type ?? storage.dtype;
  return dtype && new StoredTensor(storage, dtype, offset, shape, strides);
}

/** `(tensor, requires_grad, backward_hooks, …)` */
function rebuildParameter([tensor]: Pickled[]): StoredTensor | null {
  return tensor instanceof StoredTensor ? tensor : null;
}

/** `()`, or a list of pairs. */
function orderedDictionary([pairs, ...more]: Pickled[]): Map<Pickled, Pickled> | null {
  if (pairs === undefined) return new Map();
  return more.length === 0 && arePairs(pairs) ? new Map(pairs) : null;
}

function arePairs(value: Pickled): value is [Pickled, Pickled][] {
  return Array.isArray(value) && value.every((each) => Array.isArray(each) && each.length === 2);
}

function isCount(value: Pickled): value is number {
  return Number.isSafeInteger(value) && value as number >= 0;
}

function areCounts(value: Pickled): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}
