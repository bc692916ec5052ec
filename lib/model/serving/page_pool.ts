/** Pages of a cache: which are free. Not here: what lies in them (`key_value_cache.ts`). */

/** Pages numbered from 0, taken and given back; those that were used before are taken first. */
export class PagePool {
  readonly #returned: number[] = [];
  #untouched = 0;

  /** All are free. */
  constructor(readonly pages: number) {}

  /** How many are free. */
  get free(): number {
    return this.pages - this.#untouched + this.#returned.length;
  }

  /** So many pages, or none where fewer are free. */
  take(count: number): number[] | null {
    if (count > this.free) return null;
    // Memory that was never touched may not exist yet.
    return Array.from({ length: count }, () => this.#returned.pop() ?? this.#untouched++);
  }

  /** Makes pages free that {@linkcode PagePool.take} gave. */
  giveBack(pages: readonly number[]): void {
    this.#returned.push(...pages);
  }
}
