/**
 * Where the elements of a sparse matrix are, in two parts (Elias 1974, Fano 1971): with n elements of which k are
 * kept, the lowest b = ⌊log₂(n / k)⌋ bits of each position as they are, and the rest in unary, which takes
 * k (b + 1) + n / 2ᵇ bits, within half a bit a kept element of the least there is. So their bytes follow from the
 * form. Segments begin at whole bytes.
 */

import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import type { RawTensor, TensorInfo } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import type { Parts } from "./codec.ts";
import { POSITIONS, refusePositions, type Segment, segmentsOf } from "./segments.ts";

/** Slots that both parts of a segment's positions are put in. */
const [LOW, HIGH] = [2, 3];

/** b of k elements among those of a matrix. */
export function lowPlaces([outSize, inSize]: LinearShape, kept: number): number {
  const places = Math.floor(Math.log2(outSize * inSize / Math.max(1, kept)));
  return Math.min(places, Math.log2(BLOCK));
}

/** Bits of the high parts of a segment. */
export function highBits({ length }: Segment, kept: number, places: number): number {
  return kept + Math.ceil(length / 2 ** places);
}

/** Bytes that numbers of so many bits take in all segments, of which each begins at a whole byte. */
export function segmentedBytes(shape: LinearShape, bits: number): number {
  return Math.ceil(bits / 8) + segmentsOf(shape).length;
}

/** The parts that positions are stored in. */
export function positionLayout(shape: LinearShape, kept: number): Record<string, TensorInfo> {
  const segments = segmentsOf(shape);
  const places = lowPlaces(shape, kept);
  const high = segments.reduce((sum, each) => sum + highBits(each, 0, places), kept);
  const bytes = (bits: number) =>
    ({ dtype: "U8", shape: [segmentedBytes(shape, bits)] }) satisfies TensorInfo;
  return {
    counts: { dtype: "U16", shape: [segments.length] },
    low: bytes(places * kept),
    high: bytes(high),
  };
}

/** Positions in the matrix as one row, ascending, number by number: the readable equal of {@linkcode PositionReader}. */
export function plainPositions(parts: Parts, shape: LinearShape, kept: number): number[] {
  const places = lowPlaces(shape, kept);
  const bit = ({ bytes }: RawTensor, at: number) => bytes[at >>> 3] >>> (at & 7) & 1;
  const counts = new Uint16Array(parts.counts.bytes.slice().buffer);
  const positions: number[] = [];
  let [low, high] = [0, 0];
  for (const segment of segmentsOf(shape)) {
    let [place, at, zeros] = [8 * low, 8 * high, 0];
    for (let index = 0; index < counts[segment.index]; index++) {
      for (; !bit(parts.high, at); at++) zeros++;
      at++;
      let position = zeros * 2 ** places;
      for (let each = 0; each < places; each++) position += bit(parts.low, place++) * 2 ** each;
      positions.push(segment.index * BLOCK + position);
    }
    low += Math.ceil(counts[segment.index] * places / 8);
    high += Math.ceil(highBits(segment, counts[segment.index], places) / 8);
  }
  return positions;
}

/** Reads positions segment by segment, in their order. */
export class PositionReader {
  readonly #places: number;
  readonly #counts: Uint16Array;
  #low = 0;
  #high = 0;

  /** @param codec for errors. */
  constructor(
    readonly codec: string,
    readonly parts: Parts,
    readonly shape: LinearShape,
    kept: number,
  ) {
    this.#places = lowPlaces(shape, kept);
    this.#counts = new Uint16Array(parts.counts.bytes.slice().buffer);
    const all = this.#counts.reduce((sum, each) => sum + each, 0);
    if (all !== kept) refusePositions(codec, shape);
  }

  /**
   * Writes the positions of the next segment to their slot, through two others.
   *
   * @returns how many there are.
   * @throws {DeltaError} if they are none.
   */
  read(kernels: FloatKernels, segment: Segment): number {
    const places = this.#places;
    const kept = this.#counts[segment.index];
    const bits = highBits(segment, kept, places);
    const lowBytes = Math.ceil(kept * places / 8);
    const highBytes = Math.ceil(bits / 8);
    const put = (bytes: Uint8Array, at: number, count: number, to: number) =>
      new Uint8Array(kernels.memory.buffer, slot(to), count).set(bytes.subarray(at, at + count));
    if (kept > segment.length) refusePositions(this.codec, this.shape);
    put(this.parts.low.bytes, this.#low, lowBytes, LOW);
    put(this.parts.high.bytes, this.#high, highBytes, HIGH);
    this.#low += lowBytes;
    this.#high += highBytes;
    const largest = kernels.positionsOfParts(
      slot(HIGH),
      bits,
      slot(LOW),
      places,
      slot(POSITIONS),
      kept,
    );
    if (kept > 0 && (largest < 0 || largest >= segment.length)) {
      refusePositions(this.codec, this.shape);
    }
    return kept;
  }
}
