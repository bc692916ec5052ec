/** Weights that stay in memory where they fit, and are read anew each time where they do not. */

import { tensorNames, tensorShape, type WeightSource } from "../../checkpoint/weights.ts";
import { elementCount } from "../graph.ts";

/** Float32 weights up to this size stay in memory unless told otherwise. */
const MOST_RESIDENT_BYTES = 2 ** 30;

/**
 * `source`, remembering what was read if all of it takes at most `maximumBytes` as float32;
 * otherwise `source` itself, which streams.
 */
export function residentWeights(
  source: WeightSource,
  maximumBytes: number = MOST_RESIDENT_BYTES,
): WeightSource {
  const { config } = source;
  const elements = tensorNames(config).map((name) => elementCount(tensorShape(config, name)));
  if (4 * elements.reduce((sum, count) => sum + count, 0) > maximumBytes) return source;
  const read = new Map<string, Promise<Float32Array>>();
  return {
    config,
    name: source.name,
    has: (tensor) => source.has(tensor),
    readFloat32: (tensor) => {
      const known = read.get(tensor) ?? source.readFloat32(tensor);
      read.set(tensor, known);
      return known;
    },
  };
}
