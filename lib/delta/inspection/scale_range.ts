/** What the scales of a delta are like: least, median and largest, read without its masks. */

import { elementCount, isFloatType, toFloat32 } from "../../checkpoint/tensor.ts";
import { layerParts } from "../../codecs/layer.ts";
import type { DeltaFile } from "../delta_file.ts";

/** The numbers of one part over some layers. */
export interface ScaleRange {
  /** The part's name in its codec's layout, with its term's place in front where that is not the first. */
  readonly part: string;
  /** Layers that have it. */
  readonly layers: number;
  /** Its numbers in all of them. */
  readonly numbers: number;
  /** The least; `null` for parts that are matrices, which are not read. */
  readonly min: number | null;
  /** The one in the middle, or half way between the two there. */
  readonly median: number | null;
  /** The largest. */
  readonly max: number | null;
}

/**
 * Reads the scales of layers.
 *
 * @throws {DeltaError} if one is not as it was written, or not finite.
 */
export async function scaleRanges(
  file: DeltaFile,
  layers: readonly string[],
): Promise<ScaleRange[]> {
  const found = new Map<
    string,
    { numbers: number; vectors: Float32Array[] | null; layers: number }
  >();
  for (const name of layers) {
    for (const { entry, term, part, info } of layerParts(name, file.layers.get(name)!)) {
      if (!isFloatType(info.dtype)) continue;
      const key = term === 0 ? part : `${term}.${part}`;
      const range = found.get(key) ?? { numbers: 0, vectors: [], layers: 0 };
      found.set(key, range);
      range.layers++;
      range.numbers += elementCount(info.shape);
      if (info.shape.length > 1) range.vectors = null;
      range.vectors?.push(toFloat32(await file.readPart(entry)));
    }
  }
  return [...found].map(([part, { layers, numbers, vectors }]) => ({
    part,
    layers,
    numbers,
    ...(vectors === null ? { min: null, median: null, max: null } : rangeOf(vectors, numbers)),
  }));
}

function rangeOf(vectors: readonly Float32Array[], count: number) {
  const all = new Float32Array(count);
  let at = 0;
  for (const vector of vectors) {
    all.set(vector, at);
    at += vector.length;
  }
  all.sort();
  const [below, above] = [all[(count - 1) >> 1], all[count >> 1]];
  return { min: all[0], median: (below + above) / 2, max: all[count - 1] };
}
