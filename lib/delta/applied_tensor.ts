/**
 * One layer's weights with its delta applied, formed when they are needed: of the base's bytes as they are stored
 * and the parts as their codecs store them.
 */

import { areFinite, widenInto } from "../checkpoint/float_blocks.ts";
import type { FloatKernels } from "../checkpoint/float_kernels.ts";
import type { FormedTensor } from "../checkpoint/formed_tensor.ts";
import { firstNotFinite } from "../checkpoint/not_finite.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { addLayer, layerBytes } from "../codecs/layer.ts";
import { DivergenceError } from "../util/errors.ts";

/**
 * `W_base + Σ M`, or Σ M where the layer stands in its base's place, each term added in 32-bit floats in its order.
 *
 * @param base W of the base; `null` for a layer in its place.
 * @param tensor its name, for errors.
 * @returns a tensor whose forming throws a {@linkcode DivergenceError} where a sum is beyond 32-bit floats.
 */
export function appliedTensor(
  layer: CompressedLayer,
  base: RawTensor | null,
  tensor: string,
): FormedTensor {
  return {
    shape: layer.shape,
    byteLength: (base?.bytes.length ?? 0) + layerBytes(layer),
    form(kernels, target) {
      // What is added to −0 is itself, zeros of either sign included.
      if (base) widenInto(kernels, base, target);
      else target.fill(-0);
      addLayer(kernels, target, layer);
      checkFinite(kernels, target, tensor);
    },
  };
}

function checkFinite(kernels: FloatKernels, sum: Float32Array, tensor: string): void {
  if (areFinite(kernels, sum)) return;
  const index = firstNotFinite(sum);
  throw new DivergenceError({
    problem: `element ${index} of the base with its delta is not finite`,
    tensor,
    value: String(sum[index]),
    expected: "a sum within 32-bit floats",
  });
}
