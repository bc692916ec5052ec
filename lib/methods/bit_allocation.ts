/**
 * `bit-allocation`: each layer gets as many bits a weight as serve the whole model best, where all together may take
 * so many bits, or the file so many bytes. What a layer is worth is measured: the KL of the model where it alone is
 * compressed.
 */

import { doubleBinary } from "./double_binary.ts";
import type { Allocated } from "./method.ts";
import { type ObjectiveSettings, objectiveSettings } from "./objective_settings.ts";

/** Settings of the method. */
export type BitAllocationSettings = ObjectiveSettings & {
  /** Bits a weight of the linear layers at most, in the mean over them. */
  readonly bits: number;
  /** Bytes of the whole file at most, in the place of bits; 0: none are given. */
  readonly bytes: number;
  /** Sequences of calibration text that KLs are measured on. */
  readonly slice: number;
};

/** Bits a weight that a layer may get. The first is the one that KLs are measured with. */
const RATES = [1, 0.25, 0.35, 0.5, 0.7, 0.85, 1.2, 1.45, 1.75, 2.1, 2.5, 3];

/** Rounds that show how an error falls with the bits, as those of a whole run do. */
const MEASURED = { startRounds: 12, polishRounds: 2, sequential: false } as const;

/**
 * Each layer as two matrices of signs, of some bits a weight. Their cost is taken to be KL₁ · e(b) / e(1): e the
 * share of the layer's outputs that is lost at b bits, KL₁ that of the model where this layer alone has one bit. The
 * sum of all layers' costs is made small, by {@linkcode spend}.
 */
export const bitAllocation: Allocated<BitAllocationSettings> = {
  kind: "allocated",
  name: "bit-allocation",
  summary: "bits where the KL gains most by them, within a budget",
  module: import.meta.url,
  settings: {
    ...objectiveSettings,
    bits: {
      kind: "number",
      default: 1.05,
      minimum: 0.1,
      maximum: 4,
      help: "bits a weight of the linear layers at most",
    },
    bytes: {
      kind: "whole number",
      default: 0,
      minimum: 0,
      maximum: 2 ** 50,
      help: "bytes of the whole file at most, in the place of bits; 0: bits are held to",
    },
    slice: {
      kind: "whole number",
      default: 16,
      minimum: 1,
      maximum: 100_000,
      help: "sequences of calibration text that layers are measured on",
    },
  },
  variants: {},
  sweep: "bits",
  look: { hue: "indigo", marker: "star" },
  candidates: (settings) => atRates(settings, {}),
  measured: (settings) => atRates(settings, MEASURED),
  budget: ({ bits, bytes }) => bytes > 0 ? { bytes } : { bits, bytes: null },
  rows: ({ rows, padding }) => ({ rows, padding }),
  slice: ({ slice }) => slice,
};

function atRates(
  { rows, padding, sequential, ridge }: ObjectiveSettings,
  others: Partial<typeof MEASURED>,
) {
  return RATES.map((bits) => ({
    method: doubleBinary.name,
    settings: { rows, padding, sequential, ridge, bits, ...others },
  }));
}
