/** A norm's weight or a bias of many tenants: a table whose first slot is the base's, where the base has one. */

import type { Engine, Placed } from "../../graph/engine.ts";
import { SlotTables } from "./slot_tables.ts";

/** Owns the base's slot. */
const BASE = {};

/** One vector of all tenants that have their own. */
export class VectorTable {
  readonly #tables: SlotTables;

  /**
   * Reserves nothing yet.
   *
   * @param ofBase the base's numbers; `null`: it has none, and its rows get zeros.
   * @param repeats how often the vector stands in a row of the table, as of heads that share it.
   */
  constructor(
    engine: Engine,
    readonly name: string,
    readonly ofBase: Float32Array | null,
    readonly width: number,
    readonly repeats: number,
  ) {
    const info = { dtype: "F32", shape: [1, width * repeats] } as const;
    this.#tables = new SlotTables(engine, [{ name, info }]);
  }

  /** Slots that it has now. */
  get capacity(): number {
    return this.#tables.capacity;
  }

  /** Where it lies now. */
  get placed(): Placed {
    return this.#tables.placed(0);
  }

  /** Bytes that a tenant's own vector takes. */
  get slotBytes(): number {
    return this.#tables.slotBytes;
  }

  /**
   * Writes a tenant's vector, if it is not the base's; one call at a time.
   *
   * @returns whether it is its own.
   */
  async add(owner: object, values: Float32Array): Promise<boolean> {
    if (this.ofBase?.every((each, at) => Object.is(each, values[at]))) return false;
    try {
      if (this.ofBase && this.#tables.isEmpty) await this.#write(BASE, this.ofBase);
      await this.#write(owner, values);
      return true;
    } catch (error) {
      this.remove(owner);
      throw error;
    }
  }

  /** Which slot a row's vector is in: the base's for a tenant without its own, −1 where the base has none. */
  slotOf(owner: object | null): number {
    const own = owner ? this.#tables.slotOf(owner) : -1;
    return own < 0 ? this.#tables.slotOf(BASE) : own;
  }

  /** Whether a tenant has its own. */
  has(owner: object | null): boolean {
    return owner !== null && this.#tables.slotOf(owner) >= 0;
  }

  /** Frees what a tenant has. */
  remove(owner: object): void {
    this.#tables.free(owner);
    if (this.#tables.owners === 1 && this.ofBase) this.#tables.free(BASE);
  }

  /** Frees all. */
  release(): void {
    this.#tables.release();
  }

  async #write(owner: object, values: Float32Array): Promise<void> {
    const slot = await this.#tables.take(owner);
    const repeated = new Float32Array(this.width * this.repeats);
    for (let at = 0; at < this.repeats; at++) repeated.set(values, at * this.width);
    await this.#tables.write(slot, 0, repeated);
  }
}
