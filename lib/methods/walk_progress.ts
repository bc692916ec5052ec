/** How far a walk over a pair is: in linear layers, and in bytes of both checkpoints. */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { isLittle } from "../checkpoint/room.ts";
import { byteCount } from "../checkpoint/tensor.ts";
import { linearLayerNames, wholeTensorNames } from "../checkpoint/weights.ts";
import type { Progress, Watch } from "../util/progress.ts";

/** Reports of a walk. */
export class WalkProgress {
  readonly #layers: ReadonlySet<string>;
  readonly #total: number;
  readonly #resumed: { readonly layers: number; readonly bytes: number };
  #done: number;
  #bytes: number;

  /** @param done layers and whole tensors that an earlier walk took. */
  constructor(
    readonly base: Checkpoint,
    readonly fine: Checkpoint,
    done: ReadonlySet<string>,
    readonly report: Watch["onProgress"],
  ) {
    const layers = linearLayerNames(fine.config);
    const sum = (names: Iterable<string>) =>
      [...names].reduce((bytes, name) => bytes + this.#bytesOf(name), 0);
    this.#layers = new Set(layers);
    this.#total = sum([...layers, ...wholeTensorNames(fine.config)]);
    this.#done = layers.filter((name) => done.has(name)).length;
    this.#bytes = sum(done);
    this.#resumed = { layers: this.#done, bytes: this.#bytes };
  }

  /** The tensor of a linear layer, or the whole one of this name. */
  tensorOf(name: string): string {
    return this.#layers.has(name) ? `${name}.weight` : name;
  }

  /** A linear layer was handed on. */
  tookLayer(name: string): void {
    this.#done++;
    this.#took(name);
  }

  /** A whole tensor was handed on. */
  tookWhole(name: string): void {
    const isLarge = !isLittle(this.#bytesOf(name));
    if (isLarge) this.#took(name);
    else this.#bytes += this.#bytesOf(name);
  }

  /** A linear layer is being compressed, and this far. */
  within(name: string, { done, total, label }: Progress): void {
    this.#tell(`${name}: ${label} ${done} of ${total}`);
  }

  #took(label: string): void {
    this.#bytes += this.#bytesOf(label);
    this.#tell(label);
  }

  #tell(label: string): void {
    const { layers: resumed, bytes } = this.#resumed;
    this.report?.({
      done: this.#done,
      total: this.#layers.size,
      resumed,
      label,
      bytes: { done: this.#bytes, total: this.#total, resumed: bytes },
    });
  }

  /** Of both checkpoints; a base may lack what the fine-tune has. */
  #bytesOf(name: string): number {
    const tensor = this.tensorOf(name);
    return [this.base, this.fine].reduce(
      (sum, model) => sum + (model.has(tensor) ? byteCount(model.info(tensor)) : 0),
      0,
    );
  }
}
