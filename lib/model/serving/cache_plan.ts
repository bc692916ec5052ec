/**
 * How keys and values of sequences lie in pages: a sequence has a table of pages for the decoder layers that see all
 * before them, and one for those with a sliding window, whose pages are a ring that a long text goes round in.
 * Not here: the memory itself (`key_value_cache.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { layerConfig } from "../llama.ts";

/** Tokens of a page. */
export const PAGE_SIZE = 16;

/** Sizes that a cache is planned for. */
export interface CacheSizes {
  /** Tokens of the longest sequence. */
  readonly longest: number;
  /** The most tokens of a sequence that a step runs. */
  readonly chunk: number;
  /** Sequences that have all room that they can use, though it be of a window. */
  readonly sequences: number;
  /** Tokens of all sequences together. */
  readonly tokens: number;
}

/** Decoder layers whose keys and values lie in the same pages. */
export interface CacheGroup {
  /** Tokens that they see, as the configuration has it; `null`: all. */
  readonly slidingWindow: number | null;
  /** Which they are. */
  readonly layers: readonly number[];
  /** Pages of a sequence's table. */
  readonly tablePages: number;
  /** Tokens of a sequence that has them all: of a ring any number. */
  readonly tableTokens: number;
  /** Pages in all. */
  readonly pages: number;
}

/** The groups of a decoder's layers: as a rule one, two where some layers have a window. */
export function cacheGroups(config: DecoderConfig, sizes: CacheSizes): CacheGroup[] {
  const windows = Array.from(
    { length: config.layerCount },
    (_, index) => layerConfig(config, index).slidingWindow,
  );
  return [...new Set(windows)].map((slidingWindow) => {
    // A chunk is written before its first token looks back over the window.
    const ring = slidingWindow === null ? Infinity : slidingWindow + sizes.chunk - 1;
    const tablePages = pagesFor(Math.min(ring, sizes.longest));
    const isRing = ring < sizes.longest;
    const most = isRing ? sizes.sequences * tablePages : Infinity;
    return {
      slidingWindow,
      layers: windows.flatMap((window, index) => window === slidingWindow ? [index] : []),
      tablePages,
      tableTokens: isRing ? sizes.longest : tablePages * PAGE_SIZE,
      pages: Math.max(tablePages, Math.min(pagesFor(sizes.tokens), most)),
    };
  });
}

/** Whole pages that so many tokens take. */
export function pagesFor(tokens: number): number {
  return Math.ceil(tokens / PAGE_SIZE);
}

/** Bytes that keys and values of float32 take. */
export function cacheBytes(config: DecoderConfig, groups: readonly CacheGroup[]): number {
  const perToken = 2 * 4 * config.keyValueHeadCount * config.headSize;
  return groups.reduce(
    (sum, { layers, pages }) => sum + layers.length * pages * PAGE_SIZE * perToken,
    0,
  );
}
