/** What the inputs of a model's graphs are fed with, in the form that an engine reads best. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { FormedTensor } from "../checkpoint/formed_tensor.ts";
import {
  byteCount,
  float32Tensor,
  type RawTensor,
  type TensorInfo,
  toInt32,
} from "../checkpoint/tensor.ts";
import {
  isTable,
  storedTensor,
  tensorNames,
  tensorShape,
  type WeightSource,
} from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { haveProducts, layerBytes, layerParts } from "../codecs/layer.ts";
import { appliedTensor } from "../delta/applied_tensor.ts";
import { type AppliedModel, isApplied } from "../delta/apply.ts";
import type { Delta } from "../delta/delta.ts";
import type { Engine } from "../graph/engine.ts";
import type { Numbers } from "../graph/graph.ts";
import type { Origin } from "../graph/residents.ts";
import type { LayerForms } from "./linear.ts";

/** A model as the inputs of its graphs. */
export interface ModelTensors {
  /** Its architecture. */
  readonly config: DecoderConfig;
  /** For reports. */
  readonly name: string;
  /** How its linear layers are stored, as graphs must be compiled for them; `null` for dense ones. */
  readonly layers: LayerForms | null;
  /** Bytes of all of them together where they are placed. */
  readonly byteLength: number;
  /** Bytes of an input where it is placed. */
  bytesOf(input: string): number;
  /** Where the numbers of an input come from: models with the same base share its weights on an engine. */
  origin(input: string): Origin;
  /** The numbers of an input: a tensor, and of a compressed model a part `<layer>.<part>`. */
  read(input: string): Promise<Numbers | RawTensor | FormedTensor>;
  /** Takes back what `read` gave of an input, where its memory can be used again: nobody may look at it then. */
  giveBack?(input: string, numbers: Numbers | RawTensor | FormedTensor): void;
}

/**
 * A model for an engine: 16-bit floats stay as they are stored, and a delta that was applied as its codecs
 * store it, where the engine applies these and all of them have products; elsewhere its layers are float32 and dense.
 */
export function modelTensors(model: WeightSource, engine: Engine): ModelTensors {
  if (!isApplied(model)) return denseTensors(model);
  const compressed = compressedTensors(denseTensors(model.base), model.delta, model.config);
  const applies = engine.appliesCodecs && haveProducts(model.delta.layers.values());
  return applies ? compressed : appliedTensors(model, compressed);
}

/** A base with a delta whose layers are dense, formed of what is stored of both. */
function appliedTensors(model: AppliedModel, compressed: ModelTensors): ModelTensors {
  const { layers } = model.delta;
  const formOf = (tensor: string) => layers.get(tensor.replace(/\.weight$/, ""));
  return {
    ...compressed,
    layers: null,
    bytesOf(tensor) {
      const form = formOf(tensor);
      return compressed.bytesOf(tensor) + (form ? layerBytes(form) : 0);
    },
    origin: (tensor) => formOf(tensor) ? { of: model, name: tensor } : compressed.origin(tensor),
    read: (tensor) => model.read(tensor),
    giveBack: undefined,
  };
}

function denseTensors(model: WeightSource): ModelTensors {
  const { config, name, stored } = model;
  const bytesOf = (tensor: string) =>
    byteCount(stored?.info(tensor) ?? { dtype: "F32", shape: tensorShape(config, tensor) });
  return {
    config,
    name,
    layers: null,
    byteLength: total(tensorNames(config).map(bytesOf)),
    bytesOf,
    origin: (tensor) => ({ of: stored ?? model, name: tensor }),
    read: (tensor) => stored ? stored.read(tensor) : model.readFloat32(tensor),
    giveBack: (_, numbers) => "bytes" in numbers ? stored?.giveBack?.(numbers) : undefined,
  };
}

/**
 * A base with a delta whose layers stay as their codecs store them.
 *
 * @param config of both together, the fine-tune's.
 */
export function compressedTensors(
  base: ModelTensors,
  delta: Delta,
  config: DecoderConfig,
): ModelTensors {
  const layers = new Map([...delta.layers].filter(([name]) => !isTable(name)));
  const tableOf = (tensor: string) => {
    const stored = storedTensor(config, tensor);
    return isTable(stored) ? delta.layers.get(stored) : undefined;
  };
  const parts = new Map<string, { readonly layer: string; readonly info: TensorInfo }>();
  for (const [layer, form] of layers) {
    for (const { entry, info } of layerParts(layer, form)) parts.set(entry, { layer, info });
  }
  const replaced = (tensor: string) =>
    layers.get(tensor.replace(/\.weight$/, ""))?.role === "weight";
  const bytesOf = (tensor: string) => {
    const part = parts.get(tensor);
    if (part) return byteCount(part.info);
    const table = tableOf(tensor);
    if (table) return layerBytes(table) + (table.role === "delta" ? base.bytesOf(tensor) : 0);
    const whole = delta.whole.get(storedTensor(config, tensor));
    return whole ? byteCount(whole) : replaced(tensor) ? 0 : base.bytesOf(tensor);
  };
  const isOwn = (input: string) =>
    parts.has(input) || delta.whole.has(storedTensor(config, input)) ||
    tableOf(input) !== undefined;
  /** The parts of a layer are asked for one after another. */
  let last: { readonly name: string; readonly layer: Promise<CompressedLayer> } | null = null;
  return {
    config,
    name: `${base.name} + ${delta.metadata.method} delta`,
    layers,
    byteLength: total([
      ...tensorNames(config).map(bytesOf),
      ...[...layers.values()].map(layerBytes),
    ]),
    bytesOf,
    origin: (input) => isOwn(input) ? { of: delta, name: input } : base.origin(input),
    giveBack: (input, numbers) => isOwn(input) ? undefined : base.giveBack?.(input, numbers),
    async read(input) {
      const name = parts.get(input)?.layer;
      if (name !== undefined) {
        if (last?.name !== name) last = { name, layer: delta.readLayer(name) };
        const { layer } = last;
        return numbersOf(partOf(input, name, await layer));
      }
      const stored = storedTensor(config, input);
      if (tableOf(input)) return await readTable(base, delta, stored);
      return delta.whole.has(stored) ? await delta.readWhole(stored) : await base.read(input);
    },
  };
}

/** Embedding or head, formed densely of the base's and what the delta has of it. */
async function readTable(
  base: ModelTensors,
  delta: Delta,
  tensor: string,
): Promise<FormedTensor> {
  const layer = await delta.readLayer(tensor);
  if (layer.role === "weight") return appliedTensor(layer, null, tensor);
  const start = await base.read(tensor);
  if ("form" in start) throw new RangeError(`'${tensor}' of a base that is formed itself`);
  const raw = "bytes" in start ? start : float32Tensor(start as Float32Array, layer.shape);
  return appliedTensor(layer, raw, tensor);
}

function partOf(entry: string, name: string, layer: CompressedLayer): RawTensor {
  const { term, part } = layerParts(name, layer).find((each) => each.entry === entry)!;
  return layer.terms[term].parts[part];
}

/** Floats as they are stored, whole numbers as an engine takes them. */
export function numbersOf(tensor: RawTensor): Numbers | RawTensor {
  return tensor.dtype === "I32" ? toInt32(tensor) : tensor;
}

function total(bytes: readonly number[]): number {
  return bytes.reduce((sum, each) => sum + each, 0);
}
