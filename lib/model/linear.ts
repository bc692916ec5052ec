/**
 * Linear layers of a model's graph, dense or compressed, and the inputs that they are made of. Knows no
 * codec by name.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { isFloatType, type TensorInfo } from "../checkpoint/tensor.ts";
import {
  layerPrefix,
  linearLayerNames,
  nameInLayer,
  storedTensor,
  tensorShape,
} from "../checkpoint/weights.ts";
import type { LayerForm } from "../codecs/codec.ts";
import { formOf, layerParts, layerProduct } from "../codecs/layer.ts";
import { input, type Value } from "../graph/graph.ts";
import { stopGradient } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { GraphError } from "../util/errors.ts";
import { layerConfig, type Linear, type Parameters } from "./llama.ts";

/** How the layers of a compressed model are stored, by name without `.weight`. */
export type LayerForms = ReadonlyMap<string, LayerForm>;

/** The inputs of a model's graph, and its linear layers made of them. */
export interface ModelInputs {
  /** Tensors by their names in the checkpoint; of a compressed model its own, and its base's weights. */
  readonly parameters: Parameters;
  /** Any input by its name: a tensor, or a part `<layer>.<part>` of a compressed layer. */
  readonly named: (name: string) => Value;
  /** The linear layers. */
  readonly linear: Linear;
}

/** One graph input for each tensor that is asked for, of its shape in the checkpoint. */
export function parameterInputs(config: DecoderConfig): Parameters {
  const inputs = new Map<string, Value>();
  return (tensor) => {
    const name = storedTensor(config, tensor);
    let value = inputs.get(name);
    if (!value) inputs.set(name, value = input(name, tensorShape(config, name)));
    return value;
  };
}

/** Inputs of the same shapes under names that begin with `prefix`: those of a second model in one graph. */
export function prefixedInputs(parameters: Parameters, prefix: string): Parameters {
  const inputs = new Map<string, Value>();
  return (tensor) => {
    const { name, shape } = parameters(tensor);
    const value = inputs.get(name!) ?? input(prefix + name, shape);
    inputs.set(name!, value);
    return value;
  };
}

/** y = xWᵀ with W = `<layer>.weight`, `[out, in]`. */
export function denseLinear(parameters: Parameters): Linear {
  return (x, layer) => matmul(x, parameters(`${layer}.weight`), { transposeSecond: true });
}

/**
 * y = xW_baseᵀ + Σ x · Mᵀ in each linear layer, straight from the parts of each M; of a layer that stands
 * in its base's place, the sum alone.
 *
 * @param layers how layers are stored; `null` for dense ones.
 * @param detached whether x is a constant in the sum, as in the study, whose binary product passes no
 * gradient on.
 */
export function modelInputs(
  config: DecoderConfig,
  layers: LayerForms | null,
  detached = false,
): ModelInputs {
  const parameters = parameterInputs(config);
  const dense = denseLinear(parameters);
  const parts = new Map<string, Value>();
  for (const [layer, form] of layers ?? []) {
    for (const { entry, info } of layerParts(layer, form)) parts.set(entry, partInput(entry, info));
  }
  const linear: Linear = (x, layer) => {
    const form = layers?.get(layer);
    if (!form) return dense(x, layer);
    const base = form.role === "delta" ? dense(x, layer) : null;
    const seen = detached ? stopGradient(x) : x;
    return layerProduct(base, seen, layer, form, ({ entry }) => parts.get(entry)!);
  };
  return { parameters, named: (name) => parts.get(name) ?? parameters(name), linear };
}

/** Decoder layers that share one compiled graph. */
export interface LayerKind {
  /** How they are stored, under the names of layer 0; `null` for dense layers. */
  readonly forms: LayerForms | null;
  /** The configuration as it is for them, see `layerConfig`. */
  readonly config: DecoderConfig;
}

/** Decoder layers by what they compute and how they are stored: those that are alike share one compiled graph. */
export interface LayerKinds {
  /** In the order of the first layer of each. */
  readonly kinds: readonly LayerKind[];
  /** The kind of each decoder layer. */
  readonly kindOf: readonly number[];
}

/** Sorts the decoder layers of a model, as a rule all of one kind. */
export function layerKinds(config: DecoderConfig, layers: LayerForms | null): LayerKinds {
  const known = new Map<string, number>();
  const kinds: LayerKind[] = [];
  const names = layers ? linearLayerNames(config) : [];
  const kindOf = Array.from({ length: config.layerCount }, (_, index) => {
    const prefix = layerPrefix(index);
    const forms = names.filter((name) => name.startsWith(prefix) && layers!.has(name)).map((name) =>
      [nameInLayer(name, 0), formOf(layers!.get(name)!)] as const
    );
    const ofLayer = layerConfig(config, index);
    const key = JSON.stringify([forms, ofLayer.slidingWindow]);
    const kind = known.get(key) ??
      kinds.push({ forms: layers && new Map(forms), config: ofLayer }) - 1;
    known.set(key, kind);
    return kind;
  });
  return { kinds, kindOf };
}

/** A configuration as its graphs see it, as text: those of one key share them. */
export function graphKey(config: DecoderConfig): string {
  return JSON.stringify({ ...config, bosToken: null, eosToken: null, endTokens: undefined });
}

/** What graphs are compiled for, as text: models of one configuration and key run on the same compiled graphs. */
export function formsKey(config: DecoderConfig, layers: LayerForms | null): string {
  const { kinds, kindOf } = layerKinds(config, layers);
  return JSON.stringify([kinds.map(({ forms }) => forms && [...forms]), kindOf]);
}

/** The input of a graph that takes a part, by any name. */
export function partInput(entry: string, { dtype, shape }: TensorInfo): Value {
  if (dtype === "I32") return input(entry, shape, "i32");
  if (isFloatType(dtype)) return input(entry, shape);
  throw new GraphError({
    problem: `part '${entry}' cannot be the input of a graph`,
    value: dtype,
    expected: "F32, F16, BF16, or I32, which may hold smaller numbers packed",
  });
}
