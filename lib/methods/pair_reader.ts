/**
 * The tensors of a pair, each read once for all that is asked of it: a forward pass of the fine-tune, the
 * delta with its signs, whether its numbers are finite, and the digests of both checkpoints.
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { FileRange, TensorSource } from "../checkpoint/file_range.ts";
import { giveRoom, roomFor } from "../checkpoint/room.ts";
import { isInline } from "../checkpoint/scan_job.ts";
import { byteCount, type FloatType, type RawTensor } from "../checkpoint/tensor.ts";
import { linearLayerNames, linearShape, tensorNames } from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { differenceType } from "../delta/difference.ts";
import { extract, type Side } from "../delta/extract_job.ts";
import type { ModelTensors } from "../model/model_tensors.ts";
import { CheckpointError } from "../util/errors.ts";
import type { LayerInput } from "./method.ts";

/** What of a layer is known from its weights alone. */
export type LayerWeights = Omit<LayerInput, "fineInputs" | "compressedInputs" | "group">;

/** How a layer is taken. */
export interface TakeOptions {
  /** Whether its weights are held for who takes it; else its signs alone, and the weights refuse to be looked at. */
  readonly weights?: boolean;
  /** Drops what has not begun. */
  readonly signal?: AbortSignal;
}

/** How a pair is read. */
export interface PairReaderOptions {
  /**
   * Whether all of a linear layer is read when a forward pass asks for its weights: there is room for a decoder
   * layer of both checkpoints before it is taken. Default: no.
   */
  readonly early?: boolean;
  /** Layers that are not taken, as an earlier run took them. */
  readonly done?: ReadonlySet<string>;
}

/** Reads a pair. A tensor of the fine-tune is held from its first use to its last. */
export class PairReader {
  readonly #held = new Map<string, Promise<RawTensor>>();
  /** Layers that are read before they are taken. */
  readonly #begun = new Map<string, Promise<LayerWeights>>();
  /** Names of layers by their tensors, as far as they are read early. */
  readonly #early: ReadonlyMap<string, string>;
  #changed = false;

  constructor(
    readonly base: Checkpoint,
    readonly fine: Checkpoint,
    { early = false, done = new Set() }: PairReaderOptions = {},
  ) {
    const names = early ? linearLayerNames(fine.config).filter((name) => !done.has(name)) : [];
    this.#early = new Map(names.map((name) => [`${name}.weight`, name]));
  }

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
  async readFine(tensor: string): Promise<RawTensor> {
    const layer = this.#early.get(tensor);
    if (layer === undefined) {
      const held = this.#held.get(tensor) ?? this.fine.readDigested(tensor);
      this.#held.set(tensor, held);
      return await held;
    }
    const begun = this.#begun.get(layer) ?? this.#extract(layer, { weights: true });
    this.#begun.set(layer, begun);
    return (await begun).fine;
  }

  /**
   * Takes a linear layer: reads the base's weights, and the fine-tune's unless they are held, once for its signs,
   * both digests and, where they are wanted, the weights themselves.
   *
   * @throws {CheckpointError} if a weight, or a difference in the checkpoints' type, is not finite.
   */
  async takeLayer(
    name: string,
    { weights = true, signal }: TakeOptions = {},
  ): Promise<LayerWeights> {
    const begun = this.#begun.get(name);
    this.#begun.delete(name);
    return await (begun ?? this.#extract(name, { weights, signal }));
  }

  /**
   * Takes back the weights of a layer, for their memory to be used again.
   *
   * @param kept what was made of them, and may hold some of them itself.
   */
  giveBack({ base, fine }: LayerWeights, kept: CompressedLayer): void {
    const isKept = ({ bytes: { buffer } }: RawTensor) =>
      kept.terms.some(({ parts }) =>
        Object.values(parts).some(({ bytes }) => bytes.buffer === buffer)
      );
    for (const each of [base, fine]) if (!isKept(each)) giveRoom(each.bytes);
  }

  async #extract(
    name: string,
    { weights, signal }: { readonly weights: boolean; readonly signal?: AbortSignal },
  ): Promise<LayerWeights> {
    const tensor = `${name}.weight`;
    const shape = linearShape(this.fine.config, name);
    const held = await this.#drop(tensor);
    const [base, fine] = [this.base, this.fine].map((each) => each.source(tensor));
    const inline = isInline(held?.bytes ?? fine.range);
    const room = ({ range }: TensorSource) => weights ? roomFor(range.byteLength, inline) : null;
    const ofBase = side(base, base.range, room(base));
    const ofFine = held ? side(fine, held.bytes, null) : side(fine, fine.range, room(fine));
    const found = await extract({ shape, base: ofBase, fine: ofFine }, signal);
    if (found.baseDigest) this.base.noteDigest(tensor, found.baseDigest);
    if (found.fineDigest) this.fine.noteDigest(tensor, found.fineDigest);
    await this.#checkFinite(tensor, found.signs.meanMagnitude);
    await this.compare(tensor);
    const taken = { name, shape, signs: found.signs };
    const raw = ({ dtype, shape }: TensorSource, bytes: Uint8Array) => ({ dtype, shape, bytes });
    return weights
      ? {
        ...taken,
        base: raw(base, ofBase.into!),
        // The same object, by which an engine knows what it holds.
        fine: held ?? raw(fine, ofFine.into!),
      }
      : withoutWeights(taken);
  }

  /**
   * Takes a tensor that is no linear layer's: the fine-tune's own.
   *
   * @throws {CheckpointError} if it is not finite.
   */
  async takeWhole(tensor: string, signal?: AbortSignal): Promise<RawTensor> {
    signal?.throwIfAborted();
    const fine = this.#drop(tensor).then((held) => held ?? this.fine.readDigested(tensor));
    const inBase = this.base.has(tensor);
    const [raw] = await Promise.all([fine, inBase && this.base.digest(tensor)]);
    await this.compare(tensor);
    return raw;
  }

  /** Reads for its digest what the base has and the fine-tune has not: as a rule nothing. */
  async passBy(signal?: AbortSignal): Promise<void> {
    const taken = new Set(tensorNames(this.fine.config));
    for (const tensor of tensorNames(this.base.config).filter((name) => !taken.has(name))) {
      signal?.throwIfAborted();
      await this.base.digest(tensor);
      await this.compare(tensor);
    }
  }

  /** Lets go of a tensor that a forward pass has read and nobody takes. */
  drop(tensor: string): void {
    this.#held.delete(tensor);
  }

  /** What is held of the fine-tune, and no longer from here on. */
  async #drop(tensor: string): Promise<RawTensor | null> {
    const held = this.#held.get(tensor);
    this.#held.delete(tensor);
    return await held ?? null;
  }

  /**
   * Looks whether a tensor differs from the base's, by the digests of both, which are known by then; a tied head is
   * its embedding.
   */
  async compare(tensor: string): Promise<void> {
    if (!this.base.has(tensor) || !this.fine.has(tensor)) {
      this.#changed = true;
      return;
    }
    const [base, fine] = [this.base, this.fine].map((each) => each.info(tensor).dtype);
    this.#changed ||= base !== fine ||
      await this.base.digest(tensor) !== await this.fine.digest(tensor);
  }

  /** Differences are finite where their mean magnitude is; what is not is looked for in a second reading. */
  async #checkFinite(tensor: string, meanMagnitude: number): Promise<void> {
    if (Number.isFinite(Math.fround(meanMagnitude))) return;
    await this.base.stored.read(tensor);
    await this.fine.stored.read(tensor);
    const [base, fine] = [this.base, this.fine].map((each) => each.info(tensor).dtype);
    throw new CheckpointError({
      problem: "differs from its base by more than its type can hold",
      file: this.fine.directory,
      tensor,
      value: meanMagnitude,
      expected: `differences within ${differenceType(base, fine)}`,
    });
  }
}

function side(
  { dtype, digest }: TensorSource,
  from: FileRange | Uint8Array,
  into: Uint8Array | null,
): Side {
  return { dtype: dtype as FloatType, from, into, digest: digest === null };
}

/** A layer whose weights nobody holds. */
function withoutWeights(taken: Omit<LayerWeights, "base" | "fine">): LayerWeights {
  const get = (): never => {
    throw new RangeError(
      `weights of '${taken.name}' are looked at by a method that sees signs alone`,
    );
  };
  return Object.defineProperties(taken, { base: { get }, fine: { get } }) as LayerWeights;
}
