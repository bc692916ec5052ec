/** What deltas hold, as a rule packed signs with one scale a layer, for tests. */

import { float32Tensor, toFloat32, toInt32 } from "../../lib/checkpoint/tensor.ts";
import type { CompressedLayer } from "../../lib/codecs/codec.ts";
import { type Delta, loadDelta, type MemoryDelta, memoryDelta } from "../../lib/delta/delta.ts";

/** The packed signs of a layer. */
export function maskOf({ terms: [{ parts }] }: CompressedLayer): Int32Array {
  return toInt32(parts.mask);
}

/** The scale of a layer. */
export function scaleOf({ terms: [{ parts }] }: CompressedLayer): number {
  return toFloat32(parts.coeff)[0];
}

/** The scale of every layer, by its name. */
export async function scalesOf(delta: Delta): Promise<Map<string, number>> {
  const scales = new Map<string, number>();
  for (const name of delta.layers.keys()) scales.set(name, scaleOf(await delta.readLayer(name)));
  return scales;
}

/** The layer with another scale. */
export function withScale(layer: CompressedLayer, scale: number): CompressedLayer {
  const [term] = layer.terms;
  const coeff = float32Tensor(Float32Array.of(scale), []);
  return { ...layer, terms: [{ ...term, parts: { ...term.parts, coeff } }] };
}

/** What a delta says and holds, to compare. */
export async function contents(delta: Delta): Promise<Partial<MemoryDelta>> {
  const { layers, whole, metadata } = await loadDelta(delta);
  return { layers, whole, metadata };
}

/** The delta with some of it replaced. */
export function changed(
  delta: MemoryDelta,
  { layers = delta.layers, whole = delta.whole, metadata = delta.metadata }: Partial<MemoryDelta>,
): MemoryDelta {
  return memoryDelta(layers, whole, metadata);
}
