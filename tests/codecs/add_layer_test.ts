/** Layers added to weights in WebAssembly: to the bit what their codecs decode, added one by one. */

import assert from "node:assert/strict";
import { BEYOND_SLOTS, floatKernels, growBeyondSlots } from "../../lib/checkpoint/float_kernels.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { LayerForm } from "../../lib/codecs/codec.ts";
import { addLayer } from "../../lib/codecs/layer.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { decodeLayer } from "./decode_layer.ts";
import { withLowRank } from "./low_rank.ts";
import { randomLayer } from "./random_layer.ts";

const kernels = await floatKernels();

/** Bits, so that zeros of both signs are told apart. */
function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}

const scales = ["scalar", "row", "column", "row and column"];
const forms: Record<string, LayerForm["terms"]> = Object.fromEntries([
  ...scales.map((scale) => [scale, [{ codec: "signs", form: { scale } }]]),
  ["16-bit vectors", [{ codec: "signs", form: { scale: "row and column", type: "F16" } }]],
  ...["scalar", "row"].map((scale): [string, LayerForm["terms"]] => [
    `trits with a ${scale} scale`,
    [{ codec: "ternary", form: { scale } }],
  ]),
  ...[1, 9].map((rank): [string, LayerForm["terms"]] => [
    `a product of rank ${rank}`,
    [{ codec: "low-rank", form: { rank, type: "F16" } }],
  ]),
  ["a product of two bits", [{ codec: "rounded-low-rank", form: { rank: 3, bits: 2 } }]],
  ["two terms, one without a fast path", [
    { codec: "signs", form: { scale: "row" } },
    { codec: "test low rank", form: { rank: 2 } },
  ]],
]);

/** Widths of whole vectors and none, of whole words and none, and wider than a slot. */
const shapes: LinearShape[] = [[9, 64], [5, 36], [7, 41], [300, 4096], [2, 2 ** 15 + 40]];

for (const [name, terms] of Object.entries(forms)) {
  Deno.test(`${name}: sums are those of what is decoded`, () => {
    using _codec = withLowRank();
    const random = new SeededRandom(8);
    for (const shape of shapes) {
      const count = shape[0] * shape[1];
      const layer = randomLayer({ shape, role: "delta", terms }, random);
      const start = Float32Array.from({ length: count }, () => random.uniform() - 0.5);
      const expected = decodeLayer(layer, start);
      const elsewhere = start.slice();
      addLayer(kernels, elsewhere, layer);
      assert.deepEqual(bits(elsewhere), bits(expected), `[${shape}] elsewhere`);
      assert.ok(growBeyondSlots(kernels, 4 * count + 64));
      const inMemory = new Float32Array(kernels.memory.buffer, BEYOND_SLOTS, count);
      inMemory.set(start);
      addLayer(kernels, inMemory, layer);
      assert.deepEqual(bits(inMemory), bits(expected), `[${shape}] in memory`);
    }
  });
}
