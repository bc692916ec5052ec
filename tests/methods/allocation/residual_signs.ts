/** Methods for tests: masks of what the masks before leave, and a budget that is spent on them. */

import { toFloat32 } from "../../../lib/checkpoint/tensor.ts";
import { packSigns, signsTerm } from "../../../lib/codecs/signs.ts";
import type { Allocated, ClosedForm } from "../../../lib/methods/method.ts";
import { methods } from "../../../lib/methods/mod.ts";

/** The mean magnitude times the signs of what is left, so many times. */
const residualSigns: ClosedForm<{ masks: number }> = {
  kind: "closed form",
  name: "residual signs",
  summary: "masks of what is left",
  module: import.meta.url,
  settings: {
    masks: { kind: "whole number", default: 1, minimum: 1, maximum: 3, help: "masks" },
  },
  variants: {},
  sweep: "masks",
  look: { hue: "teal", marker: "star" },
  sees: () => "weights",
  rows: () => null,
  form: (_, { masks }) => ({
    role: "delta",
    terms: Array.from({ length: masks }, () => ({ codec: "signs", form: { scale: "scalar" } })),
  }),
  compress({ base, fine, shape }, { masks }) {
    const [from, to] = [toFloat32(base), toFloat32(fine)];
    let left = to.map((value, at) => value - from[at]);
    const terms = Array.from({ length: masks }, () => {
      const coeff = left.reduce((sum, value) => sum + Math.abs(value), 0) / left.length;
      const term = signsTerm(packSigns(left, shape), shape, { coeff });
      left = left.map((value) => value - (value < 0 ? -coeff : coeff));
      return term;
    });
    return Promise.resolve({ shape, role: "delta", terms });
  },
};

const masked = [1, 2, 3].map((masks) => ({ method: residualSigns.name, settings: { masks } }));

/** Up to three masks a layer. */
const thrifty: Allocated<{ bits: number; bytes: number }> = {
  kind: "allocated",
  name: "thrifty",
  summary: "masks where they count",
  module: import.meta.url,
  settings: {
    bits: { kind: "number", default: 4, minimum: 0.1, maximum: 9, help: "bits a weight" },
    bytes: { kind: "whole number", default: 0, minimum: 0, maximum: 1e9, help: "bytes" },
  },
  variants: {},
  sweep: "bits",
  look: { hue: "teal", marker: "x" },
  candidates: () => masked,
  measured: () => masked,
  budget: ({ bits, bytes }) => bytes > 0 ? { bytes } : { bits, bytes: null },
  rows: () => ({ rows: 12, padding: "left out" }),
  slice: () => 3,
};

/** Both stand in the list until the end of the scope. */
export function withThrift(): Disposable {
  methods.push(residualSigns, thrifty);
  return {
    [Symbol.dispose]() {
      for (const each of [residualSigns, thrifty]) methods.splice(methods.indexOf(each), 1);
    },
  };
}
