/**
 * A compressed layer as a whole: the names of its parts in files and graphs, its bytes, its numbers and
 * its product. Knows no codec by name.
 */

import { addValues } from "../checkpoint/float_blocks.ts";
import type { FloatKernels } from "../checkpoint/float_kernels.ts";
import { firstNotFinite } from "../checkpoint/not_finite.ts";
import {
  byteCount,
  ELEMENT_SIZES,
  elementCount,
  isFloatType,
  type RawTensor,
  type TensorInfo,
  toFloat32,
} from "../checkpoint/tensor.ts";
import type { Value } from "../graph/graph.ts";
import { add } from "../graph/ops/elementwise.ts";
import { DeltaError, GraphError } from "../util/errors.ts";
import type { CompressedLayer, Form, LayerForm } from "./codec.ts";
import { findCodec } from "./mod.ts";

/** One part of a layer: an entry of a delta file, and an input of a graph. */
export interface LayerPart {
  /** `<layer>.<part>` of the first term, `<layer>.<term>.<part>` of the next ones, 1 first. */
  readonly entry: string;
  /** Which term's; 0 first. */
  readonly term: number;
  /** Its name in the codec's layout. */
  readonly part: string;
  /** Its type and shape. */
  readonly info: TensorInfo;
  /** Whether a trainer may change it. */
  readonly trainable: boolean;
}

/** Names of parts: no number, which tells terms apart, and no tensor's name. */
const PART = /^(?!weight$)[a-z_]\w*$/i;

/**
 * Every part of a layer, term by term, in the order of the codecs' layouts.
 *
 * @throws {DeltaError} if a layer has no terms, a codec is not known or names a part `weight` or no word, or a
 * form is none of its codec's.
 */
export function layerParts(layer: string, { shape, terms }: LayerForm): LayerPart[] {
  if (terms.length === 0) {
    const problem = "has no terms";
    throw new DeltaError({ problem, tensor: layer, expected: "at least one stored matrix" });
  }
  return terms.flatMap(({ codec: name, form }, term) => {
    const codec = findCodec(name);
    const layout = Object.entries(codec.layout(shape, form));
    const strange = layout.find(([part]) => !PART.test(part))?.[0];
    if (strange !== undefined) {
      throw new DeltaError({
        problem: `the codec '${name}' has a part of a name that no part can have`,
        tensor: layer,
        value: strange,
        expected: "a word, and not 'weight', which is the base's",
      });
    }
    return layout.map(([part, info]) => ({
      entry: term === 0 ? `${layer}.${part}` : `${layer}.${term}.${part}`,
      term,
      part,
      info,
      trainable: isFloatType(info.dtype) && codec.trainable.includes(part),
    }));
  });
}

/** Bytes that the parts of a layer take. */
export function layerBytes(form: LayerForm): number {
  return layerParts("", form).reduce((sum, { info }) => sum + byteCount(info), 0);
}

/**
 * What is known of a layer without its numbers, in plain data and one order: two layers alike are the same text
 * in JSON.
 */
export function formOf({ shape: [outSize, inSize], role, terms }: LayerForm): LayerForm {
  const sorted = (form: Form) =>
    Object.fromEntries(Object.entries(form).sort(([a], [b]) => a < b ? -1 : 1));
  return {
    shape: [outSize, inSize],
    role,
    terms: terms.map(({ codec, form }) => ({ codec, form: sorted(form) })),
  };
}

/**
 * Checks the role of a layer, and its parts against the layouts of its codecs: names, types, shapes, and that
 * floats are finite.
 *
 * @param file that they come from or go to, for errors.
 * @throws {DeltaError} that names the part.
 */
export function checkLayer(name: string, layer: CompressedLayer, file?: string): void {
  if (layer.role !== "delta" && layer.role !== "weight") {
    const problem = "has a role that is none";
    throw new DeltaError({
      problem,
      file,
      tensor: name,
      value: layer.role,
      expected: "delta, weight",
    });
  }
  const parts = layerParts(name, layer);
  for (const { entry, term, part, info } of parts) {
    const { codec, parts } = layer.terms[term];
    const problem = `does not fit the codec '${codec}'`;
    checkPart(Object.hasOwn(parts, part) ? parts[part] : undefined, info, entry, problem, file);
  }
  for (const [term, { codec, parts: given }] of layer.terms.entries()) {
    const known = parts.filter((each) => each.term === term).map(({ part }) => part);
    const strange = Object.keys(given).find((part) => !known.includes(part));
    if (strange === undefined) continue;
    throw new DeltaError({
      problem: `is no part of the codec '${codec}'`,
      file,
      tensor: name,
      value: strange,
      expected: known.join(", "),
    });
  }
}

function checkPart(
  tensor: RawTensor | undefined,
  info: TensorInfo,
  entry: string,
  problem: string,
  file?: string,
): void {
  const { dtype, shape } = info;
  const fits = tensor && tensor.dtype === dtype && `${tensor.shape}` === `${shape}` &&
    tensor.shape.length === shape.length && tensor.bytes.length === byteCount(info);
  if (!fits) {
    throw new DeltaError({
      problem,
      file,
      tensor: entry,
      value: tensor ? `${tensor.dtype} of shape [${tensor.shape}]` : "nothing",
      expected: `${dtype} of shape [${shape}]`,
    });
  }
  checkFinite(entry, tensor, problem, file);
}

/**
 * Checks that a tensor of floats is finite; one of no floats is for those to refuse who know what it is.
 *
 * @throws {DeltaError} that names the element.
 */
export function checkFinite(name: string, tensor: RawTensor, problem: string, file?: string): void {
  if (!isFloatType(tensor.dtype)) return;
  const index = firstNotFinite(toFloat32(tensor));
  if (index >= 0) refuseElement(name, tensor, index, problem, file);
}

/**
 * Refuses a tensor of floats for one that is not finite.
 *
 * @throws {DeltaError} that names the element.
 */
export function refuseElement(
  name: string,
  { dtype, shape, bytes }: RawTensor,
  index: number,
  problem: string,
  file?: string,
): never {
  const size = ELEMENT_SIZES[dtype];
  const element = bytes.slice(index * size, (index + 1) * size);
  const [value] = toFloat32({ dtype, shape: [1], bytes: element });
  const isOne = elementCount(shape) === 1;
  throw new DeltaError({
    problem,
    file,
    tensor: name,
    value: isOne ? value : `${value} as element ${index}`,
    expected: isOne ? "one finite float" : "finite floats",
  });
}

/** Adds the terms of a layer to `sum`, `[out, in]`, each in 32-bit floats in its order. */
export function addLayer(
  kernels: FloatKernels,
  sum: Float32Array,
  { shape, terms }: Pick<CompressedLayer, "shape" | "terms">,
): void {
  for (const { codec: name, form, parts } of terms) {
    const codec = findCodec(name);
    if (codec.add) codec.add(kernels, sum, parts, shape, form);
    else addValues(kernels, sum, codec.decode(parts, shape, form));
  }
}

/** Whether graphs take all parts of layers as they are stored; else weights are formed of them. */
export function haveProducts(layers: Iterable<LayerForm>): boolean {
  return [...layers].every(({ terms }) => terms.every(({ codec }) => findCodec(codec).product));
}

/**
 * x · (start + Σ terms)ᵀ, `[tokens, in]` → `[tokens, out]`, without any of these matrices.
 *
 * @param dense x · startᵀ; `null` for a layer that stands in its base's place.
 * @param part returns the graph's value of an entry.
 * @throws {GraphError} if a codec has no product.
 */
export function layerProduct(
  dense: Value | null,
  x: Value,
  layer: string,
  form: LayerForm,
  part: (part: LayerPart) => Value,
): Value {
  const parts = layerParts(layer, form);
  return form.terms.reduce<Value | null>((sum, { codec, form: ofTerm }, term) => {
    const ofThis = (name: string) =>
      part(parts.find((each) => each.term === term && each.part === name)!);
    const product = findCodec(codec).product?.(x, ofThis, form.shape, ofTerm);
    if (!product) {
      throw new GraphError({
        problem: `layer '${layer}' is of a codec that has no product in a graph`,
        value: codec,
        expected: "dense weights, formed of what is stored",
      });
    }
    return sum ? add(sum, product) : product;
  }, dense)!;
}
