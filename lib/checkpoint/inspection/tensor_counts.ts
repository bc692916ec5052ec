/** Tensors counted by what they are and by their type, from their names and shapes alone. */

import { byteCount, elementCount, type TensorInfo } from "../tensor.ts";
import { projectionOf, wholeKind } from "../tensor_kind.ts";

/** Tensors of one kind. */
export interface TensorCount {
  /** A projection such as `mlp.up_proj`, or `embeddings`, `head`, `norms`, `biases`, `other`. */
  readonly kind: string;
  /** How many. */
  readonly tensors: number;
  /** Their numbers. */
  readonly parameters: number;
  /** Their bytes in the file; `null` where one is of a type whose size is not known here. */
  readonly bytes: number | null;
  /** Types, each once. */
  readonly dtypes: readonly string[];
  /** Shapes, each once, `[out, in]`. */
  readonly shapes: readonly (readonly number[])[];
}

/** A tensor that may be of a type that is not known here. */
export type AnyTensorInfo = Omit<TensorInfo, "dtype"> & { readonly dtype: string };

/** Counts of tensors by `kindOf` their names, in the order in which kinds first come. */
export function countTensors(
  tensors: Iterable<readonly [name: string, info: AnyTensorInfo]>,
  kindOf: (name: string) => string = kindOfTensor,
): TensorCount[] {
  const groups = new Map<string, AnyTensorInfo[]>();
  for (const [name, info] of tensors) {
    const kind = kindOf(name);
    const group = groups.get(kind);
    if (group) group.push(info);
    else groups.set(kind, [info]);
  }
  return [...groups].map(([kind, infos]) => ({
    kind,
    tensors: infos.length,
    parameters: infos.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: infos.reduce<number | null>((sum, info) => {
      const bytes = byteCount(info as TensorInfo);
      return sum === null || Number.isNaN(bytes) ? null : sum + bytes;
    }, 0),
    dtypes: [...new Set(infos.map(({ dtype }) => dtype))],
    shapes: [...new Map(infos.map(({ shape }) => [`${shape}`, shape])).values()],
  }));
}

/** A linear layer's projection, or the kind of any other tensor. */
export function kindOfTensor(tensor: string): string {
  const layer = tensor.replace(/\.weight$/, "");
  return (layer === tensor ? null : projectionOf(layer)) ?? wholeKind(tensor);
}
