/** Files of `torch.save` put together by hand: storages, the pickle that views them, and the ZIP file of both. */

import { ELEMENT_SIZES, elementCount, type TensorType } from "../../../lib/checkpoint/tensor.ts";
import { type Plain, plainPickle } from "./plain_pickle.ts";
import { type PlainEntry, plainZip, type ZipKind } from "./plain_zip.ts";

/** A tensor as it is in memory in Python. */
export interface PlainTensor {
  readonly name: string;
  readonly dtype: TensorType;
  readonly shape: readonly number[];
  /** Of its storage; tensors of the same bytes share one. */
  readonly bytes: Uint8Array;
  readonly offset?: number;
  readonly strides?: readonly number[];
  readonly isParameter?: boolean;
}

/** How torch was told to save them. */
export interface SaveKind extends ZipKind {
  readonly protocol?: number;
  readonly deflated?: boolean;
  readonly folder?: string;
  readonly byteOrder?: string | null;
  /** An ordered dictionary with attributes, as `state_dict()` gives it; else a plain one. */
  readonly isOrdered?: boolean;
}

/** Names of storages in torch. */
const CLASSES: Partial<Record<TensorType, string>> = {
  F64: "torch.DoubleStorage",
  F32: "torch.FloatStorage",
  F16: "torch.HalfStorage",
  BF16: "torch.BFloat16Storage",
  I64: "torch.LongStorage",
  I32: "torch.IntStorage",
  I16: "torch.ShortStorage",
  I8: "torch.CharStorage",
  U8: "torch.ByteStorage",
  BOOL: "torch.BoolStorage",
};
const HOOKS: Plain = { call: "collections.OrderedDict", given: [] };

/** The strides of a tensor that lies row after row. */
export function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
}

/** What torch pickles of a tensor, its storage under a key. */
export function plainTensor(tensor: PlainTensor, key: string): Plain {
  const { dtype, shape, bytes, offset = 0, strides = rowMajor(shape) } = tensor;
  const count = bytes.length / ELEMENT_SIZES[dtype];
  const type = CLASSES[dtype];
  const name: Plain = { global: type ?? "torch.storage.UntypedStorage" };
  const storage = { tuple: ["storage", name, key, "cpu", type ? count : bytes.length] };
  const given: Plain[] = [
    { persistent: storage },
    offset,
    { tuple: shape },
    { tuple: strides },
    false,
    HOOKS,
  ];
  const rebuilt: Plain = type ? { call: "torch._utils._rebuild_tensor_v2", given } : {
    call: "torch._utils._rebuild_tensor_v3",
    given: [...given, { global: `torch.${LATER[dtype]}` }],
  };
  if (!tensor.isParameter) return rebuilt;
  return { call: "torch._utils._rebuild_parameter", given: [rebuilt, true, HOOKS] };
}

const LATER: Partial<Record<TensorType, string>> = {
  U16: "uint16",
  U32: "uint32",
  U64: "uint64",
  F8_E4M3: "float8_e4m3fn",
  F8_E5M2: "float8_e5m2",
};

/** The value that torch pickles of a state dict, and its storages by key. */
export function plainState(
  tensors: readonly PlainTensor[],
  isOrdered = false,
): { value: Plain; storages: readonly Uint8Array[] } {
  const storages = [...new Set(tensors.map(({ bytes }) => bytes))];
  const items = new Map(
    tensors.map((each) => [each.name, plainTensor(each, `${storages.indexOf(each.bytes)}`)]),
  );
  if (!isOrdered) return { value: items, storages };
  const modules = new Map<string, Plain>([["", new Map<string, Plain>([["version", 1]])]]);
  const metadata: Plain = { call: "collections.OrderedDict", given: [], items: modules };
  const state = new Map<string, Plain>([["_metadata", metadata]]);
  return { value: { call: "collections.OrderedDict", given: [], items, state }, storages };
}

/** The bytes of a file of `torch.save`. */
export function plainTorch(
  tensors: readonly PlainTensor[],
  kind: SaveKind = {},
): Uint8Array<ArrayBuffer> {
  const { value, storages } = plainState(tensors, kind.isOrdered);
  return plainArchive(plainPickle(value, kind.protocol ?? 2), storages, kind);
}

/** The same of a pickle that is there. */
export function plainArchive(
  pickle: Uint8Array,
  storages: readonly Uint8Array[],
  kind: SaveKind = {},
): Uint8Array<ArrayBuffer> {
  return plainZip(archiveEntries(pickle, storages, kind), kind);
}

/** The entries of such a file. */
export function archiveEntries(
  pickle: Uint8Array,
  storages: readonly Uint8Array[],
  { folder = "archive", byteOrder = "little", deflated = false }: SaveKind = {},
): PlainEntry[] {
  const text = (content: string) => new TextEncoder().encode(content);
  const entries: PlainEntry[] = [{ name: `${folder}/data.pkl`, content: pickle, deflated }];
  if (byteOrder !== null) {
    entries.push({ name: `${folder}/byteorder`, content: text(byteOrder), deflated });
  }
  for (const [key, content] of storages.entries()) {
    entries.push({ name: `${folder}/data/${key}`, content, deflated });
  }
  entries.push({ name: `${folder}/version`, content: text("3\n"), deflated });
  return entries;
}
