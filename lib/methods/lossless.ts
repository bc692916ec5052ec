/**
 * `lossless`: which weights changed and by how much, so that the fine-tune comes back to the bit. For pairs where few
 * did, as after a step of reinforcement learning, it is small.
 *
 * Source of the separate planes of bytes: Hershcovitch et al., "ZipNN: Lossless Compression for AI Models" (2024),
 * sections 3 and 4; differences of bits as whole numbers are this project's own choice, as are the positions.
 */

import { findChanges } from "./elements/changes_job.ts";
import type { ClosedForm } from "./method.ts";

/** Of Zstandard: beyond it hundredths of the bytes are won at several times the seconds. */
const LEVEL = 3;

/** Every change of the weights of linear layers, in the steps between neighbouring numbers of their type. */
export const losslessDelta: ClosedForm<Record<never, never>> = {
  kind: "closed form",
  name: "lossless",
  summary: "every changed weight, to the bit",
  module: import.meta.url,
  settings: {},
  variants: {},
  sweep: null,
  look: { hue: "purple", marker: "triangle-left" },
  measured: true,
  sees: () => "weights",
  rows: () => null,
  form: ({ name }) => {
    throw new RangeError(`what '${name}' takes is known when it is made`);
  },
  async compress(layer, _settings, _engine, _programs, { signal }) {
    const term = await findChanges(layer, LEVEL, signal);
    return { shape: layer.shape, role: "delta", terms: [term] };
  },
};
