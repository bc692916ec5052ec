/** Tables over slots, where an engine computes: slots are taken and freed, and tables grow with them. */

import { byteCount, elementCount, type RawTensor } from "../../checkpoint/tensor.ts";
import type { Engine, Reserved, ReservedInfo } from "../../graph/engine.ts";
import type { Numbers } from "../../graph/graph.ts";

/** Bytes of one table at most, unless the engine's largest value has more: what every WebGPU device binds. */
const MOST_BYTES = 2 ** 27;

/** Slots in the beginning: on a CPU memory that nobody has written takes none, and copying it would. */
const FIRST_SLOTS = { cpu: 16, webgpu: 1 } as const;

/** One table. */
export interface SlotTable {
  /** For errors. */
  readonly name: string;
  /** Of one slot. */
  readonly info: ReservedInfo;
}

/** Tables that have the same slots. */
export class SlotTables {
  readonly #tables: Reserved[] = [];
  readonly #owners: (object | null)[] = [];
  #capacity = 0;

  /** @param tables at least one, unless slots are only counted. */
  constructor(readonly engine: Engine, readonly tables: readonly SlotTable[]) {}

  /** Slots that the tables have now. */
  get capacity(): number {
    return this.#capacity;
  }

  /** How many have a slot. */
  get owners(): number {
    return this.#owners.filter((each) => each !== null).length;
  }

  /** Whether nobody has a slot. */
  get isEmpty(): boolean {
    return this.owners === 0;
  }

  /** Whether one more slot can be taken. */
  get hasRoom(): boolean {
    return this.#owners.includes(null) || this.#owners.length < this.#most;
  }

  /** Bytes of one slot. */
  get slotBytes(): number {
    return this.tables.reduce((sum, { info }) => sum + byteCount(info), 0);
  }

  /** Where a table lies now, in the order of `tables`. */
  placed(table: number): Reserved {
    return this.#tables[table];
  }

  /** Takes the first free slot, whose numbers are whatever they were; one call at a time. */
  async take(owner: object): Promise<number> {
    const free = this.#owners.indexOf(null);
    const slot = free < 0 ? this.#owners.length : free;
    if (slot >= this.#capacity) await this.#grow();
    this.#owners[slot] = owner;
    return slot;
  }

  /** The slot of an owner, −1: none. */
  slotOf(owner: object): number {
    return this.#owners.indexOf(owner);
  }

  /** Writes one slot of a table. */
  async write(slot: number, table: number, numbers: Numbers | RawTensor): Promise<void> {
    await this.#tables[table].write(slot * elementCount(this.tables[table].info.shape), numbers);
  }

  /** Frees the slot of an owner, and all tables with the last one. */
  free(owner: object): void {
    const slot = this.slotOf(owner);
    if (slot >= 0) this.#owners[slot] = null;
    while (this.#owners.at(-1) === null) this.#owners.pop();
    if (this.#owners.length === 0) this.release();
  }

  /** Frees all tables. */
  release(): void {
    this.#tables.splice(0).forEach((each) => each.release());
    this.#owners.length = 0;
    this.#capacity = 0;
  }

  get #most(): number {
    const largest = Math.max(...this.tables.map(({ info }) => byteCount(info)), 1);
    const bytes = Math.max(MOST_BYTES, this.engine.memory.atOnce);
    return Math.max(1, Math.floor(bytes / largest));
  }

  async #grow(): Promise<void> {
    const { device } = this.engine.details;
    const grown = this.#capacity < 8
      ? 2 * this.#capacity
      : Math.ceil(1.25 * this.#capacity / 4) * 4;
    const capacity = Math.min(this.#most, Math.max(FIRST_SLOTS[device], grown));
    const larger: Reserved[] = [];
    try {
      for (const [at, { name, info: { dtype, shape } }] of this.tables.entries()) {
        const table = await this.engine.reserve({ dtype, shape: [capacity, ...shape] }, name);
        larger.push(table);
        const former = this.#tables[at];
        if (former) await table.write(0, former);
      }
    } catch (error) {
      larger.forEach((each) => each.release());
      throw error;
    }
    this.#tables.splice(0, Infinity, ...larger).forEach((each) => each.release());
    this.#capacity = capacity;
  }
}
