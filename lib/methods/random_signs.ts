/**
 * `random-signs`: signs that know nothing of the delta, with the scale that serves best: a floor under every method
 * that stores a bit a weight.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import { signsTerm, wordsPerRow } from "../codecs/signs.ts";
import { signedSum } from "./elements/signed_sum_job.ts";
import type { ClosedForm } from "./method.ts";
import { scaledSignsForm } from "./scaled_signs.ts";

/** Settings of the method. */
export type RandomSignsSettings = {
  /** Of the signs. */
  readonly drawSeed: number;
};

/** α S with S of ±1 at random and α = ⟨Δ, S⟩ / (out · in), the least-squares scale, of either sign. */
export const randomSigns: ClosedForm<RandomSignsSettings> = {
  kind: "closed form",
  name: "random-signs",
  summary: "random signs with a least-squares scale, a floor",
  module: import.meta.url,
  settings: {
    drawSeed: {
      kind: "whole number",
      default: 1,
      minimum: 0,
      maximum: 2 ** 32 - 1,
      help: "seed of the signs",
    },
  },
  variants: {},
  sweep: null,
  look: { hue: "maroon", marker: "cross" },
  sees: () => "weights",
  rows: () => null,
  form: () => scaledSignsForm,
  async compress(layer, { drawSeed: seed }, _engine, _programs, { signal }) {
    const { name, shape } = layer;
    const mask = randomMask(name, shape, seed);
    const coeff = await signedSum(layer, mask, signal) / (shape[0] * shape[1]);
    return { shape, role: "delta", terms: [signsTerm(mask, shape, { coeff })] };
  },
};

/** Words of a Weyl sequence, mixed (the last step of Appleby's MurmurHash3); layers begin at places of their own. */
function randomMask(name: string, [outSize, inSize]: LinearShape, seed: number): Int32Array {
  const start = [...name].reduce((sum, each) => Math.imul(sum, 31) + each.charCodeAt(0) | 0, seed);
  const words = new Int32Array(wordsPerRow(inSize) * outSize);
  let state = mixed(start);
  // A word of 32 weights at a time.
  for (let at = 0; at < words.length; at++) words[at] = mixed(state = state + 0x9e3779b9 | 0);
  const used = inSize % 32;
  // What fills up the last word of a row is 1, as in every mask.
  if (used > 0) {
    words.subarray(-outSize).forEach((word, row, last) => last[row] = word | -1 << used);
  }
  return words;
}

function mixed(number: number): number {
  const once = Math.imul(number ^ number >>> 16, 0x85ebca6b);
  const twice = Math.imul(once ^ once >>> 13, 0xc2b2ae35);
  return twice ^ twice >>> 16;
}
