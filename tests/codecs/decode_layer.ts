/** The numbers of a compressed layer by its codecs' own `decode`, and plain sums. */

import type { CompressedLayer } from "../../lib/codecs/codec.ts";
import { findCodec } from "../../lib/codecs/mod.ts";

/**
 * The sum of a layer's terms, and of what they are added to.
 *
 * @param start the base's weights, `[out, in]`; left out for a layer that stands in their place.
 * @returns a new array, `[out, in]`, each term added in 32-bit floats in its order.
 */
export function decodeLayer({ shape, terms }: CompressedLayer, start?: Float32Array): Float32Array {
  let sum = start;
  for (const { codec, form, parts } of terms) {
    const decoded = findCodec(codec).decode(parts, shape, form);
    // A codec may return the memory of a part.
    const isPart = Object.values(parts).some(({ bytes }) => bytes.buffer === decoded.buffer);
    const values = isPart ? decoded.slice() : decoded;
    if (sum) { for (let i = 0; i < values.length; i++) values[i] = sum[i] + values[i]; }
    sum = values;
  }
  return sum!;
}
