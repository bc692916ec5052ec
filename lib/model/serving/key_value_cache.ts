/**
 * The KV cache: keys and values of all sequences where an engine computes, in pages of a pool that they share.
 * Not here: which pages a layer has (`cache_plan.ts`), and what is written into them (`graph/ops/cached_attention.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { Engine, Reserved } from "../../graph/engine.ts";
import { type CacheGroup, PAGE_SIZE, pagesFor } from "./cache_plan.ts";
import { PagePool } from "./page_pool.ts";

/** The room of one sequence. */
export interface SequenceRoom {
  /** Its table of pages in each group; −1: none, where it has room for less than all. */
  readonly tables: readonly Int32Array[];
  /** Gives the pages back; the second time it does nothing. */
  release(): void;
}

/** Keys and values of one decoder layer. */
export interface LayerCache {
  /** `[cells, K · headSize]` */
  readonly keyCache: Reserved;
  /** `[cells, K · headSize]` */
  readonly valueCache: Reserved;
}

/** Keys and values of sequences. Dispose of it to free them. */
export class KeyValueCache implements Disposable {
  readonly #pools: readonly PagePool[];
  readonly #layers: readonly LayerCache[];

  private constructor(readonly groups: readonly CacheGroup[], layers: readonly LayerCache[]) {
    this.#layers = layers;
    this.#pools = groups.map(({ pages }) => new PagePool(pages));
  }

  /**
   * Reserves the memory of all pages.
   *
   * @throws {DeviceError} if there is none.
   */
  static async reserve(
    engine: Engine,
    config: DecoderConfig,
    groups: readonly CacheGroup[],
  ): Promise<KeyValueCache> {
    using reserved = new DisposableStack();
    const layers: LayerCache[] = [];
    for (const { layers: indices, pages } of groups) {
      const shape = [pages * PAGE_SIZE, config.keyValueHeadCount * config.headSize];
      for (const index of indices) {
        const [keyCache, valueCache] = [
          await engine.reserve({ dtype: "F32", shape }, `keys of layer ${index}`),
          await engine.reserve({ dtype: "F32", shape }, `values of layer ${index}`),
        ];
        layers[index] = { keyCache, valueCache };
        reserved.defer(() => keyCache.release());
        reserved.defer(() => valueCache.release());
      }
    }
    reserved.move();
    return new KeyValueCache(groups, layers);
  }

  /** Tokens that new sequences have room for. */
  get freeTokens(): number {
    const free = this.groups.map(({ tablePages, tableTokens }, group) => {
      const pages = this.#pools[group].free;
      return Math.floor(pages / tablePages) * tableTokens + pages % tablePages * PAGE_SIZE;
    });
    return Math.min(...free);
  }

  /** Room for a sequence of so many tokens; `null` where there is none. */
  take(tokens: number): SequenceRoom | null {
    const taken: number[][] = [];
    const release = () =>
      taken.splice(0).forEach((pages, group) => this.#pools[group].giveBack(pages));
    for (const [group, { tablePages }] of this.groups.entries()) {
      const pages = this.#pools[group].take(Math.min(pagesFor(tokens), tablePages));
      if (!pages) {
        release();
        return null;
      }
      taken.push(pages);
    }
    const tables = this.groups.map(({ tablePages }, group) => {
      const table = new Int32Array(tablePages).fill(-1);
      table.set(taken[group]);
      return table;
    });
    return { tables, release };
  }

  /** Keys and values of a decoder layer. */
  layer(index: number): LayerCache {
    return this.#layers[index];
  }

  /** Frees the memory; there must be no runs. */
  [Symbol.dispose](): void {
    for (const { keyCache, valueCache } of this.#layers) {
      keyCache.release();
      valueCache.release();
    }
  }
}
