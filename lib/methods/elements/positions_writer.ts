/** Positions of kept elements, written segment by segment as `codecs/stored_positions.ts` reads them. */

import { type FloatKernels, slot } from "../../checkpoint/float_kernels.ts";
import { elementCount } from "../../checkpoint/tensor.ts";
import type { LinearShape } from "../../checkpoint/weights.ts";
import type { Segment } from "../../codecs/segments.ts";
import { highBits, lowPlaces, positionLayout } from "../../codecs/stored_positions.ts";
import type { ElementKernels } from "./element_kernels.ts";

/** Writes what positions are stored as. */
export class PositionsWriter {
  readonly #places: number;
  readonly #counts: Uint16Array;
  readonly #low: Uint8Array;
  readonly #high: Uint8Array;
  #lowAt = 0;
  #highAt = 0;

  /**
   * @param kept of all elements.
   * @param slots two of the kernels' that are free: the low parts go through the first one.
   */
  constructor(
    readonly kernels: FloatKernels,
    readonly elements: ElementKernels,
    shape: LinearShape,
    kept: number,
    readonly slots: readonly [low: number, high: number],
  ) {
    const layout = positionLayout(shape, kept);
    const [counts, low, high] = [layout.counts, layout.low, layout.high]
      .map((info) => elementCount(info.shape));
    this.#places = lowPlaces(shape, kept);
    this.#counts = new Uint16Array(counts);
    this.#low = new Uint8Array(low);
    this.#high = new Uint8Array(high);
  }

  /** Adds the next segment's, so many from an address on. */
  write(segment: Segment, positions: number, count: number): void {
    const [low, high] = this.slots;
    const lowBytes = Math.ceil(count * this.#places / 8);
    const highBytes = Math.ceil(highBits(segment, count, this.#places) / 8);
    const { buffer } = this.kernels.memory;
    // The last low part is written as a whole word.
    const ofLow = new Uint8Array(buffer, slot(low), lowBytes + 4).fill(0);
    const ofHigh = new Uint8Array(buffer, slot(high), highBytes).fill(0);
    this.elements.partsOfPositions(positions, count, this.#places, slot(low), slot(high));
    this.#counts[segment.index] = count;
    this.#low.set(ofLow.subarray(0, lowBytes), this.#lowAt);
    this.#high.set(ofHigh, this.#highAt);
    this.#lowAt += lowBytes;
    this.#highAt += highBytes;
  }

  /** The parts of a layout. */
  parts(): Record<"counts" | "low" | "high", Uint8Array> {
    return {
      counts: new Uint8Array(this.#counts.buffer),
      low: this.#low,
      high: this.#high,
    };
  }
}
