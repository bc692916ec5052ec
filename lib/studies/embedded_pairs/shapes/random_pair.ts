/**
 * The numbers of a made pair: what each tensor of it is drawn from, in blocks that depend on nothing but
 * seed, tensor and place.
 *
 * The distributions are those of trained decoders in the rough: weights nearly normal, of a spread that
 * keeps the outputs of a layer as wide as its inputs; what a fine-tune adds an order smaller and of
 * heavier tails, so that some of it is lost in rounding. Not here: how they are made
 * (`random_module.ts`) or written (`write_pair.ts`).
 */

import { createHash } from "node:crypto";
import { ELEMENT_SIZES, elementCount, type FloatType } from "../../../checkpoint/tensor.ts";
import { type RandomModule, randomModule, STATE_BYTES } from "./random_module.ts";

/** Elements that one state of the generator makes. */
const BLOCK = 1 << 16;

/** Elements of a part: what is made and written at once. */
export const PART = 1 << 20;

/** Deviation of the sum of four uniform 16-bit halves. */
const DEVIATION = Math.sqrt(4 * (65536 ** 2 - 1) / 12);

/** Of a standardised sum x, x·(linear + cubic·x²) has variance 1 and this kurtosis. */
const NORMAL = { linear: 0.9490355, cubic: 0.0186415 }; // 3
const HEAVY = { linear: 0.6412086, cubic: 0.1226132 }; // 6

/** Width of a layer's outputs over that of its inputs: deviation 0.02 where there are 4,096 of them. */
const GAIN = 1.28;

/** Deviation of the delta over that of the weights: 0.0015 where theirs is 0.02. */
const CHANGE = 0.075;

/** Parts of the two tensors of a name, as a file holds them. */
export interface PairPart {
  readonly base: Uint8Array;
  readonly fine: Uint8Array;
}

/** Makes tensors of a base and its fine-tune, part by part. */
export class RandomPair {
  readonly #module: RandomModule;
  readonly #dtype: FloatType;
  readonly #seed: number;
  #turn = 0;

  private constructor(module: RandomModule, dtype: FloatType, seed: number) {
    this.#module = module;
    this.#dtype = dtype;
    this.#seed = seed;
  }

  /** A source of the pair that `seed` names. */
  static async open(dtype: FloatType, seed: number): Promise<RandomPair> {
    return new RandomPair(await randomModule(4 * PART * ELEMENT_SIZES[dtype]), dtype, seed);
  }

  /**
   * Elements `begin` … of a tensor, at most {@linkcode PART} of them.
   *
   * @param begin a multiple of {@linkcode PART}.
   * @returns views that hold until the call after the next one: one part may be written while another
   * is made.
   */
  part(tensor: string, shape: readonly number[], begin: number): PairPart {
    const elementBytes = ELEMENT_SIZES[this.#dtype];
    const count = Math.min(PART, elementCount(shape) - begin);
    const base = STATE_BYTES + 2 * this.#turn * PART * elementBytes;
    const fine = base + PART * elementBytes;
    this.#turn = 1 - this.#turn;
    const { memory, fill } = this.#module;
    const state = new Uint8Array(memory.buffer, 0, STATE_BYTES);
    const { mean, linear, cubic, deltaLinear, deltaCubic } = distribution(tensor, shape);
    for (let at = 0; at < count; at += BLOCK) {
      state.set(this.#stateOf(tensor, (begin + at) / BLOCK));
      const eights = Math.ceil(Math.min(BLOCK, count - at) / 8);
      const [to, toFine] = [base + at * elementBytes, fine + at * elementBytes];
      fill[this.#dtype](to, toFine, eights, mean, linear, cubic, deltaLinear, deltaCubic);
    }
    const view = (address: number) => new Uint8Array(memory.buffer, address, count * elementBytes);
    return { base: view(base), fine: view(fine) };
  }

  /** SHA-512 of what names the block: as many bytes as a state has. */
  #stateOf(tensor: string, block: number): Uint8Array {
    return createHash("sha512").update(JSON.stringify([this.#seed, tensor, block])).digest();
  }
}

/**
 * A matrix `[out, in]` has deviation 1.28 / √in about 0. The gains of a norm lie about 1, a few far from
 * it: those make the outlying channels of a layer's inputs. Biases lie so about 0.
 */
function distribution(tensor: string, shape: readonly number[]) {
  const isVector = shape.length === 1;
  const deviation = isVector ? 0.1 : GAIN / Math.sqrt(shape[1]);
  const weights = bend(isVector ? HEAVY : NORMAL, deviation);
  const delta = bend(HEAVY, CHANGE * deviation);
  return {
    mean: isVector && !tensor.endsWith(".bias") ? 1 : 0,
    ...weights,
    deltaLinear: delta.linear,
    deltaCubic: delta.cubic,
  };
}

/** The factors of a sum as it stands, for numbers of this deviation. */
function bend({ linear, cubic }: typeof NORMAL, deviation: number) {
  return { linear: deviation * linear / DEVIATION, cubic: deviation * cubic / DEVIATION ** 3 };
}
