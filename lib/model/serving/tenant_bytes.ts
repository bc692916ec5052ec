/** What a tenant takes where an engine computes, by what its delta says of itself. Not here: reading it. */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { byteCount, elementCount, type FloatType } from "../../checkpoint/tensor.ts";
import {
  isTable,
  linearLayerNames,
  tensorShape,
  type WeightSource,
  wholeTensorNames,
} from "../../checkpoint/weights.ts";
import type { LayerForm } from "../../codecs/codec.ts";
import type { Delta } from "../../delta/delta.ts";
import { formedOf, planBytes, planLayer } from "./tenant_plan.ts";

/**
 * Bytes that a delta takes where the engine computes, if nothing that it keeps whole equals the base's; what is formed
 * is counted as the base stores it where it is made of the base's weights, else as 32-bit floats.
 *
 * @throws {DeltaError} if a layer's form is none of its codec's.
 */
export function tenantBytes(base: WeightSource, delta: Delta): number {
  const linear = linearLayerNames(base.config).map((name) => delta.layers.get(name))
    .filter((form) => form !== undefined);
  const tables = [...delta.layers].filter(([name]) => isTable(name))
    .map(([, { shape }]) => 4 * elementCount(shape));
  const whole = [...delta.whole].filter(([name]) => isTable(name)).map(([, info]) =>
    byteCount(info)
  );
  const names = new Set([...wholeTensorNames(base.config), ...delta.whole.keys()]);
  const vectors = [...names].filter((name) => !isTable(name))
    .map((name) => {
      const shape = delta.whole.get(name)?.shape ?? tensorShape(base.config, name);
      return 4 * elementCount(shape) * headsOf(base.config, name);
    });
  const ofLayers = linear.map((form) => layerBytes(base, form));
  const bytes = [...ofLayers, ...tables, ...whole, ...vectors];
  return bytes.reduce((sum, each) => sum + each, 0);
}

function layerBytes(base: WeightSource, form: LayerForm): number {
  const isOfBase = formedOf(form)?.ofBase;
  return planBytes(planLayer(form, isOfBase ? typeOf(base) : "F32"));
}

/** Heads that share a norm. */
export function headsOf({ headCount, keyValueHeadCount }: DecoderConfig, norm: string): number {
  return norm.endsWith(".q_norm.weight")
    ? headCount
    : norm.endsWith(".k_norm.weight")
    ? keyValueHeadCount
    : 1;
}

/** The type that a base stores its linear layers in. */
function typeOf({ config, stored }: WeightSource): FloatType {
  const [first] = linearLayerNames(config);
  return stored ? stored.info(`${first}.weight`).dtype as FloatType : "F32";
}
