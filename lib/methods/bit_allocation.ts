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

/** Bits a weight that a layer may get. */
const RATES = Array.from({ length: 29 }, (_, at) => (2 + at) / 10);

/** Those at which layers are measured, the first for their KLs too. */
const MEASURED_RATES = [1, 0.35, 2.2];

/** Rounds that show how an error falls with the bits, as those of a whole run do. */
const MEASURED = { startRounds: 12, polishRounds: 2, sequential: false } as const;

/**
 * Each layer as two matrices of signs, of some bits a weight. Their cost is taken to be KL₁ · e(b) / e(1): e the
 * share of the layer's outputs that is lost at b bits, measured at a few and between them log-linear, KL₁ that of the model where this layer alone has one bit. The
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
      maximum: 16,
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
  candidates: (settings) => atRates(RATES, settings, {}),
  measured: (settings) => atRates(MEASURED_RATES, settings, MEASURED),
  budget: ({ bits, bytes }) => bytes > 0 ? { bytes } : { bits, bytes: null },
  rows: ({ rows, padding }) => ({ rows, padding }),
  slice: ({ slice }) => slice,
};

function atRates(
  rates: readonly number[],
  { rows, padding, sequential, ridge }: ObjectiveSettings,
  others: Partial<typeof MEASURED>,
) {
  return rates.map((bits) => ({
    method: doubleBinary.name,
    settings: { rows, padding, sequential, ridge, bits, ...others },
  }));
}
