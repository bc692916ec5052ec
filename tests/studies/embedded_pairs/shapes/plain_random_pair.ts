/**
 * A made pair's numbers the slow way: xoshiro128++ as its paper has it, one lane after another, and float32
 * arithmetic one rounding at a time.
 */

import { createHash } from "node:crypto";
import type { FloatType } from "../../../../lib/checkpoint/tensor.ts";
import { plainRound } from "../../../checkpoint/plain_floats.ts";

const BLOCK = 65536;

/** What a tensor is drawn from: a mean, and the deviation of a standardised number bent by a cubic. */
export interface PlainDistribution {
  readonly mean: number;
  readonly weights: readonly [linear: number, cubic: number];
  readonly delta: readonly [linear: number, cubic: number];
}

/** All elements of a tensor of the base and of the fine-tune, rounded to `dtype`. */
export function plainRandomPair(
  seed: number,
  tensor: string,
  count: number,
  distribution: PlainDistribution,
  dtype: FloatType,
): { base: number[]; fine: number[] } {
  const round = (value: number) => dtype === "F32" ? value : plainRound(value, dtype);
  const [base, fine]: number[][] = [[], []];
  let lanes: Generator<number>[] = [];
  for (let i = 0; i < count; i++) {
    if (i % BLOCK === 0) lanes = lanesOf(seed, tensor, i / BLOCK);
    const lane = lanes[i % 4];
    const weight = Math.fround(distribution.mean + bent(sumOfHalves(lane), distribution.weights));
    base.push(round(weight));
    fine.push(round(Math.fround(weight + bent(sumOfHalves(lane), distribution.delta))));
  }
  return { base, fine };
}

function bent(sum: number, [linear, cubic]: readonly [number, number]): number {
  const square = Math.fround(sum * sum);
  const factor = Math.fround(
    Math.fround(linear) + Math.fround(Math.fround(cubic) * square),
  );
  return Math.fround(sum * factor);
}

function sumOfHalves(words: Generator<number>): number {
  const [a, b]: number[] = [words.next().value, words.next().value];
  return (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16) - 131070;
}

function lanesOf(seed: number, tensor: string, block: number): Generator<number>[] {
  const digest = createHash("sha512").update(JSON.stringify([seed, tensor, block])).digest();
  const word = (index: number) => digest.readUInt32LE(4 * index);
  return [0, 1, 2, 3].map((lane) => xoshiro([0, 4, 8, 12].map((at) => word(at + lane))));
}

function* xoshiro(s: number[]): Generator<number> {
  const rotated = (word: number, bits: number) => (word << bits | word >>> 32 - bits) >>> 0;
  while (true) {
    yield (rotated((s[0] + s[3]) >>> 0, 7) + s[0]) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated(s[3], 11);
    s = s.map((word) => word >>> 0);
  }
}
