/**
 * Weights that stay where an engine computes, shared by all models that have them. They give way: what was
 * used least recently is freed when the engine needs its room. Not here: which models' weights stay
 * (`model/placed_model.ts`), and how large an engine's memory is (`memory.ts`).
 */

import type { Placed } from "./placed.ts";

/** Where numbers come from: two models of one origin have the same numbers of a name. */
export interface Origin {
  /** A checkpoint, or a delta. */
  readonly of: object;
  /** Of the tensor, or of the part of a layer. */
  readonly name: string;
}

/** Placed numbers that stay until they are disposed of, whatever the engine needs. */
export interface Held extends Disposable {
  /** The numbers. */
  readonly placed: Placed;
}

/** What gave way, for the provenance of results. */
export interface Evictions {
  /** Tensors that stayed and were freed for other work. */
  readonly weights: number;
  /** Their bytes. */
  readonly bytes: number;
}

/** One tensor, placed or on its way. */
class Resident {
  /** Runs that read it now. */
  pins = 0;
  /** Whether a run has read it. */
  isUsed = false;
  /** Those for whom it stays between runs. */
  readonly keepers = new Set<object>();
  #placed: Placed | null = null;

  constructor(readonly origin: Origin, readonly placing: Promise<Placed>) {
    placing.then((placed) => this.#placed = placed, () => {});
  }

  get isIdle(): boolean {
    return this.pins === 0 && this.#placed !== null;
  }

  get byteLength(): number {
    return this.#placed?.byteLength ?? 0;
  }

  release(): void {
    if (this.#placed) this.#placed.release();
    else this.placing.then((placed) => placed.release(), () => {});
  }
}

/**
 * The weights that stay on one engine.
 *
 * @example
 * ```ts
 * import { onnxEngine } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { residents } = onnxEngine().memory;
 * assert.deepEqual(residents.evictions, { weights: 0, bytes: 0 });
 * ```
 */
export class Residents {
  readonly #known = new WeakMap<object, Map<string, Resident>>();
  /** Least recently used first. */
  readonly #order = new Set<Resident>();
  readonly #evicted = { weights: 0, bytes: 0 };
  #isCrowded = false;

  /** What gave way so far. */
  get evictions(): Evictions {
    return { ...this.#evicted };
  }

  /**
   * Numbers for a run, placed unless they are there.
   *
   * @param keeper for whom they stay after the run; `null`: for nobody. Once weights had to give way, none
   * stays that did not stay before: they would drive out each other in turns.
   */
  async take(origin: Origin, keeper: object | null, place: () => Promise<Placed>): Promise<Held> {
    const resident = this.#find(origin) ?? this.#add(origin, place());
    if (keeper && !this.#isCrowded) resident.keepers.add(keeper);
    resident.pins++;
    resident.isUsed = true;
    this.#touch(resident);
    try {
      const placed = await resident.placing;
      let isHeld = true;
      return {
        placed,
        [Symbol.dispose]: () => {
          if (isHeld) this.#unpin(resident);
          isHeld = false;
        },
      };
    } catch (error) {
      this.#remove(resident);
      throw error;
    }
  }

  /**
   * Places numbers before a run asks for them; they stay for `keeper`, but give way as all others.
   *
   * @throws what `place` throws.
   */
  async prepare(origin: Origin, keeper: object, place: () => Promise<Placed>): Promise<void> {
    if (this.#find(origin)) return;
    const resident = this.#add(origin, place());
    resident.keepers.add(keeper);
    try {
      await resident.placing;
    } catch (error) {
      this.#remove(resident);
      throw error;
    }
  }

  /** Nothing stays for `keeper` any longer; only what is of `origin`, where one is given. */
  drop(keeper: object, origin?: Origin): void {
    const dropped = origin
      ? [this.#find(origin)].filter((each) => each !== undefined)
      : this.#order;
    for (const resident of [...dropped]) {
      if (!resident.keepers.delete(keeper) || resident.keepers.size > 0) continue;
      if (resident.pins > 0) continue;
      this.#remove(resident);
      resident.release();
      if (!origin) this.#isCrowded = false;
    }
  }

  /** Frees at least so many bytes of what no run reads now, least recently used first; returns how many. */
  evict(bytes: number): number {
    let freed = 0;
    for (const resident of [...this.#order]) {
      if (freed >= bytes) break;
      if (!resident.isIdle) continue;
      freed += resident.byteLength;
      if (resident.isUsed) {
        this.#evicted.weights++;
        this.#evicted.bytes += resident.byteLength;
      }
      this.#remove(resident);
      resident.release();
    }
    this.#isCrowded ||= freed > 0;
    return freed;
  }

  #find({ of, name }: Origin): Resident | undefined {
    return this.#known.get(of)?.get(name);
  }

  #add(origin: Origin, placing: Promise<Placed>): Resident {
    const resident = new Resident(origin, placing);
    const alike = this.#known.get(origin.of) ?? new Map<string, Resident>();
    alike.set(origin.name, resident);
    this.#known.set(origin.of, alike);
    this.#order.add(resident);
    return resident;
  }

  #touch(resident: Resident): void {
    if (this.#order.delete(resident)) this.#order.add(resident);
  }

  #unpin(resident: Resident): void {
    if (--resident.pins > 0 || resident.keepers.size > 0) return;
    this.#remove(resident);
    resident.release();
  }

  #remove(resident: Resident): void {
    if (!this.#order.delete(resident)) return;
    const { of, name } = resident.origin;
    this.#known.get(of)?.delete(name);
  }
}
