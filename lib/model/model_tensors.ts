/** What the inputs of a model's graphs are fed with, in the form that an engine reads best. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { byteCount, type RawTensor } from "../checkpoint/tensor.ts";
import {
  linearLayerNames,
  storedTensor,
  tensorNames,
  tensorShape,
  type WeightSource,
} from "../checkpoint/weights.ts";
import { isApplied } from "../delta/apply.ts";
import type { Delta } from "../delta/delta.ts";
import type { Engine } from "../graph/engine.ts";
import type { Numbers } from "../graph/graph.ts";

/** A model as the inputs of its graphs. */
export interface ModelTensors {
  readonly config: DecoderConfig;
  /** For reports. */
  readonly name: string;
  /** Whether its linear layers are those of `compressedInputs`, rather than dense ones. */
  readonly compressed: boolean;
  /** Bytes of all of them together where they are placed. */
  readonly byteLength: number;
  /** The numbers of an input: a tensor, and of a compressed model `<layer>.mask` and `<layer>.coeff`. */
  read(input: string): Promise<Numbers | RawTensor>;
}

/**
 * A model for an engine: where the engine reads weights as they are stored, 16-bit floats stay so and
 * a delta that was applied stays packed; elsewhere all weights are float32 and dense.
 */
export function modelTensors(model: WeightSource, engine: Engine): ModelTensors {
  if (!engine.readsStoredWeights) return denseTensors(model, false);
  if (isApplied(model)) return compressedTensors(denseTensors(model.base, true), model.delta);
  return denseTensors(model, true);
}

function denseTensors(model: WeightSource, asStored: boolean): ModelTensors {
  const { config, name } = model;
  const stored = asStored ? model.stored : undefined;
  const bytes = tensorNames(config).map((tensor) =>
    byteCount(stored?.info(tensor) ?? { dtype: "F32", shape: tensorShape(config, tensor) })
  );
  return {
    config,
    name,
    compressed: false,
    byteLength: total(bytes),
    read: (tensor) => stored ? stored.read(tensor) : model.readFloat32(tensor),
  };
}

/** A base with a delta whose signs stay packed. */
export function compressedTensors(base: ModelTensors, delta: Delta): ModelTensors {
  const { config } = base;
  const masks = linearLayerNames(config).map((layer) => delta.layers.get(layer)!.mask.byteLength);
  return {
    config,
    name: `${base.name} + ${delta.metadata.method} delta`,
    compressed: true,
    byteLength: base.byteLength + total(masks),
    read(input) {
      const layer = delta.layers.get(input.replace(/\.(mask|coeff)$/, ""));
      if (layer && input.endsWith(".mask")) return Promise.resolve(layer.mask);
      if (layer) return Promise.resolve(Float32Array.of(layer.scale));
      const whole = delta.whole.get(storedTensor(config, input));
      return whole ? Promise.resolve(whole) : base.read(input);
    },
  };
}

function total(bytes: readonly number[]): number {
  return bytes.reduce((sum, each) => sum + each, 0);
}
