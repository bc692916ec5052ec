/**
 * The tensors of a pair, each read once for all that is asked of it: a forward pass of the fine-tune, the
 * delta with its signs, whether its numbers are finite, and the digests of both checkpoints.
 */

import { Buffer } from "node:buffer";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { byteCount, type RawTensor } from "../checkpoint/tensor.ts";
import { linearShape, tensorNames } from "../checkpoint/weights.ts";
import { extractSigns } from "../delta/extract_layer.ts";
import type { ModelTensors } from "../model/model_tensors.ts";
import { CheckpointError } from "../util/errors.ts";
import type { LayerInput } from "./method.ts";

/** What of a layer is known from its weights alone. */
export type LayerWeights = Omit<LayerInput, "fineInputs" | "compressedInputs">;

/** Reads a pair. A tensor of the fine-tune is held from its first use to its last. */
export class PairReader {
  readonly #held = new Map<string, Promise<RawTensor>>();
  #changed = false;

  constructor(readonly base: Checkpoint, readonly fine: Checkpoint) {}

  /** Whether a tensor that was taken differs from the base's. */
  get changed(): boolean {
    return this.#changed;
  }

  /** The fine-tune for a forward pass that comes before its tensors are taken. */
  get tensors(): ModelTensors {
    const { config, name } = this.fine;
    const read = (tensor: string) => this.readFine(tensor);
    const bytesOf = (tensor: string) => byteCount(this.fine.info(tensor));
    const byteLength = tensorNames(config).reduce((sum, tensor) => sum + bytesOf(tensor), 0);
    const origin = (tensor: string) => ({ of: this.fine.stored, name: tensor });
    return { config, name, layers: null, byteLength, bytesOf, origin, read };
  }

  /**
   * A tensor of the fine-tune, which is held until it is taken.
   *
   * @throws {CheckpointError} if it is not finite.
   */
  readFine(tensor: string): Promise<RawTensor> {
    const held = this.#held.get(tensor) ?? this.fine.readDigested(tensor);
    this.#held.set(tensor, held);
    return held;
  }

  /**
   * Takes the weights of a linear layer.
   *
   * @throws {CheckpointError} if a weight, or a difference in the checkpoints' type, is not finite.
   */
  async takeLayer(name: string): Promise<LayerWeights> {
    const { base, fine } = await this.#take(`${name}.weight`);
    const signs = await extractSigns(base, fine);
    this.#checkDifferences(`${name}.weight`, fine, signs.meanMagnitude);
    return { name, shape: linearShape(this.fine.config, name), base, fine, signs };
  }

  /**
   * Takes a tensor that is no linear layer's: the fine-tune's own.
   *
   * @throws {CheckpointError} if it is not finite.
   */
  async takeWhole(tensor: string): Promise<RawTensor> {
    return (await this.#take(tensor)).fine;
  }

  async #take(tensor: string): Promise<{ base: RawTensor; fine: RawTensor }> {
    const fine = await this.readFine(tensor);
    this.#held.delete(tensor);
    const base = await this.base.readDigested(tensor);
    this.#changed ||= base.dtype !== fine.dtype || Buffer.compare(base.bytes, fine.bytes) !== 0;
    return { base, fine };
  }

  /** Differences are finite where their mean magnitude is. */
  #checkDifferences(tensor: string, fine: RawTensor, meanMagnitude: number): void {
    if (Number.isFinite(Math.fround(meanMagnitude))) return;
    throw new CheckpointError({
      problem: "differs from its base by more than its type can hold",
      file: this.fine.directory,
      tensor,
      value: meanMagnitude,
      expected: `differences within ${fine.dtype}`,
    });
  }
}
