/** Angles of rotary positions for rows that are each at a position of their own, as `rotaryRows` is fed. */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { type RotaryFrequencies, rotaryFrequencies } from "../../checkpoint/rotary_frequencies.ts";
import { rotationsAt, type RotationTables } from "../../graph/ops/rotary.ts";

/** A row's place in its text. */
export interface RowPlace {
  /** Says how it is rotated. */
  readonly config: DecoderConfig;
  /** 0 first. */
  readonly position: number;
  /** Tokens of the text as long as it is when the row runs, which frequencies of type `dynamic` depend on. */
  readonly length: number;
}

/** Angles of rows, of any configurations whose heads are as wide. */
export class RowAngles {
  /** Frequencies that do not depend on the length of a text are made once. */
  readonly #ofAll = new WeakMap<DecoderConfig, RotaryFrequencies>();

  /**
   * Cosines and sines `[rows, headSize / 2]`, with zeros after the places that there are.
   *
   * Keys that are kept stay as they were rotated, as in transformers' generation: with positions of type `dynamic` by
   * the length that the text had then.
   */
  of(places: readonly RowPlace[], rows: number): RotationTables {
    const pairs = places[0].config.headSize / 2;
    const cosines = new Float32Array(rows * pairs);
    const sines = new Float32Array(rows * pairs);
    for (const [row, { config, position, length }] of places.entries()) {
      const isDynamic = config.ropeScaling?.type === "dynamic";
      const known = isDynamic ? undefined : this.#ofAll.get(config);
      const turns = known ?? rotaryFrequencies(config, isDynamic ? length : 1);
      if (!isDynamic) this.#ofAll.set(config, turns);
      const angles = rotationsAt([position], turns);
      cosines.set(angles.cosines, row * pairs);
      sines.set(angles.sines, row * pairs);
    }
    return { cosines, sines };
  }
}
