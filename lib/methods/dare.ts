/**
 * `dare`: elements of the delta dropped at random, and the rest scaled up so that their mean stays.
 *
 * Source: Yu, Yu, Yu, Huang and Li, "Language Models are Super Mario: Absorbing Abilities from Homologous Models as a
 * Free Lunch" (2023), section 3.1. There each element is dropped by itself; here of each row so many are kept, so
 * that bytes are known beforehand, and positions follow from a seed.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import type { Form, Term } from "../codecs/codec.ts";
import { sampled } from "../codecs/sampled.ts";
import { sampleElements } from "./elements/sample_job.ts";
import type { ClosedForm } from "./method.ts";

/** Settings of the method. */
export type DareSettings = {
  /** Share of the elements that is dropped, p. */
  readonly drop: number;
  /** Of the random positions. */
  readonly drawSeed: number;
};

/** Δ / (1 − p) at random elements, (1 − p) · in of each row but at least 1, in float16; 0 elsewhere. */
export const dare: ClosedForm<DareSettings> = {
  kind: "closed form",
  name: "dare",
  summary: "random elements dropped, the rest rescaled",
  module: import.meta.url,
  settings: {
    drop: {
      kind: "number",
      default: 0.9375,
      minimum: 0,
      maximum: 0.9999,
      help: "share of the elements that is dropped; 16 (1 - drop) bits a weight are kept",
    },
    drawSeed: {
      kind: "whole number",
      default: 1,
      minimum: 0,
      maximum: 2 ** 32 - 1,
      help: "seed of the random positions",
    },
  },
  variants: {},
  sweep: "drop",
  look: { hue: "rose", marker: "hourglass" },
  sees: () => "weights",
  rows: () => null,
  form: ({ name, shape }, settings) => ({
    role: "delta",
    terms: [termOf(name, shape, settings)],
  }),
  async compress(layer, settings, _engine, _programs, { signal }) {
    const { name, shape } = layer;
    const term = termOf(name, shape, settings);
    const factor = shape[1] / Number(term.form.kept);
    const values = await sampleElements(layer, term.form, factor, signal);
    return { shape, role: "delta", terms: [{ ...term, parts: { values } }] };
  },
};

/** Layers choose positions of their own. */
function termOf(
  name: string,
  [, inSize]: LinearShape,
  { drop, drawSeed: seed }: DareSettings,
): Omit<Term, "parts"> {
  const kept = Math.max(1, Math.round((1 - drop) * inSize));
  const ofLayer = [...name].reduce(
    (sum, each) => Math.imul(sum, 31) + each.charCodeAt(0) | 0,
    seed,
  );
  const form: Form = { kept, seed: ofLayer >>> 0, type: "F16" };
  return { codec: sampled.name, form };
}
