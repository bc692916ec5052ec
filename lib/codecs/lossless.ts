/**
 * The codec `lossless`: which elements of the weights changed and by how much, without loss. What comes out are the
 * fine-tune's own numbers, to the bit, zeros of either sign included.
 *
 * A change is a whole number of steps from one number of the weights' type to the next: the difference of both as
 * 32-bit floats' bits, without the places that the type has not. Training moves most weights by a few steps, so that
 * the higher bytes of steps are nearly all zero; each byte has a plane of its own, compressed by Zstandard. Where
 * the changed elements are is a mask of a bit each, compressed too, or their positions (`stored_positions.ts`),
 * whichever is smaller. A codec of bits knows no sum: it says what becomes of the base's weights, and no graph
 * multiplies by it.
 */

import { zstdDecompressSync } from "node:zlib";
import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import type { FloatType, RawTensor, TensorInfo } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { DeltaError } from "../util/errors.ts";
import type { Codec, Form, Parts } from "./codec.ts";
import { eachSegment, OWN, POSITIONS, refusePositions, type Segment } from "./segments.ts";
import { plainPositions, positionLayout, PositionReader } from "./stored_positions.ts";

/** Places of a 32-bit float that a type has not. */
export const SPARE_PLACES: Readonly<Record<FloatType, number>> = { F32: 0, F16: 13, BF16: 16 };

/** Bytes of a step between numbers of a type. */
export function stepBytes(type: FloatType): number {
  return Math.ceil((32 - SPARE_PLACES[type]) / 8);
}

/**
 * Changes of a type's steps. Its form: `{ type, changed, mask, plane0, … }`: the finer type of both sides, how many
 * elements changed, and the bytes of the compressed mask, 0 for positions, and of each compressed plane.
 */
export const lossless: Codec = {
  name: "lossless",
  module: import.meta.url,
  trainable: [],
  replaces: true,
  layout(shape, form) {
    const { changed, mask, planes } = read(shape, form);
    const bytes = (count: number) => ({ dtype: "U8", shape: [count] }) satisfies TensorInfo;
    return {
      ...(mask > 0 ? { mask: bytes(mask) } : positionLayout(shape, changed)),
      ...Object.fromEntries(planes.map((count, index) => [`plane${index}`, bytes(count)])),
    };
  },
  decode(parts, shape, form, start) {
    const { type, changed, mask } = read(shape, form);
    const values = start?.slice() ?? new Float32Array(shape[0] * shape[1]);
    const bits = new Int32Array(values.buffer);
    const planes = planesOf(parts, shape, form);
    const positions = mask > 0
      ? plainMask(maskOf(parts, shape))
      : plainPositions(parts, shape, changed);
    for (const [index, position] of positions.entries()) {
      const folded = planes.reduceRight((sum, plane) => sum << 8 | plane[index], 0);
      bits[position] += (folded >>> 1 ^ -(folded & 1)) << SPARE_PLACES[type];
    }
    return values;
  },
  add(kernels, sum, parts, shape, form) {
    const { type, changed } = read(shape, form);
    const planes = planesOf(parts, shape, form);
    const readPositions = positionsOf(kernels, parts, shape, form);
    const target = new Uint8Array(kernels.memory.buffer, slot(OWN), planes.length * BLOCK);
    let done = 0;
    eachSegment(kernels, sum, shape, (segment, address) => {
      const count = readPositions(segment);
      if (done + count > changed) refusePositions(lossless.name, shape);
      planes.forEach((plane, index) =>
        target.set(plane.subarray(done, done + count), index * BLOCK)
      );
      const shift = SPARE_PLACES[type];
      kernels.stepAt(address, slot(POSITIONS), count, slot(OWN), BLOCK, planes.length, shift);
      done += count;
    });
    if (done !== changed) refusePositions(lossless.name, shape);
  },
};

/** Reads positions of the next segment, as they are stored. */
function positionsOf(
  kernels: FloatKernels,
  parts: Parts,
  shape: LinearShape,
  form: Form,
): (segment: Segment) => number {
  const { mask, changed } = read(shape, form);
  if (mask === 0) {
    const reader = new PositionReader(lossless.name, parts, shape, changed);
    return (segment) => reader.read(kernels, segment);
  }
  const bits = maskOf(parts, shape);
  return ({ index, length }) => {
    const begin = index * BLOCK / 8;
    const bytes = bits.subarray(begin, begin + Math.ceil(length / 8));
    new Uint8Array(kernels.memory.buffer, slot(OWN), bytes.length).set(bytes);
    return kernels.positionsOfMask(slot(OWN), slot(POSITIONS), length);
  };
}

function maskOf({ mask }: Parts, [outSize, inSize]: LinearShape): Uint8Array {
  return unpacked(mask, Math.ceil(outSize * inSize / 8), "mask");
}

function planesOf(parts: Parts, shape: LinearShape, form: Form): Uint8Array[] {
  const { changed, planes } = read(shape, form);
  return planes.map((_, index) => unpacked(parts[`plane${index}`], changed, `plane${index}`));
}

function plainMask(mask: Uint8Array): number[] {
  return Array.from({ length: 8 * mask.length }, (_, at) => at)
    .filter((at) => mask[at >>> 3] >>> (at & 7) & 1);
}

/** @throws {DeltaError} if it holds another number of bytes. */
function unpacked({ bytes }: RawTensor, length: number, part: string): Uint8Array {
  let found: Uint8Array | null = null;
  try {
    found = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, length) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
  if (found?.length === length) return found;
  throw new DeltaError({
    problem: `has a part '${part}' that cannot be decompressed`,
    value: found ? `${found.length} bytes` : `${bytes.length} bytes of no Zstandard frame`,
    expected: `a Zstandard frame of ${length} bytes`,
  });
}

/** @throws {DeltaError} if a form is none of this codec's. */
function read([outSize, inSize]: LinearShape, form: Form) {
  const { type: named, changed, mask, ...rest } = form;
  const isCount = (value: unknown, most: number): value is number =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most;
  const type = (["BF16", "F16", "F32"] as const).find((each) => each === named);
  const names = type ? Array.from({ length: stepBytes(type) }, (_, at) => `plane${at}`) : [];
  const planes = names.map((name) => rest[name]);
  const fits = type && isCount(changed, outSize * inSize) && isCount(mask, Infinity) &&
    planes.every((each): each is number => isCount(each, Infinity) && each > 0) &&
    Object.keys(rest).length === names.length;
  if (fits) return { type, changed, mask, planes: planes as number[] };
  throw new DeltaError({
    problem: `is no form of the codec '${lossless.name}'`,
    option: "form",
    value: form,
    expected: "{ type, changed, mask, plane0, … }, a plane for each byte of a step",
  });
}
