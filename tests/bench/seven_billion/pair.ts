/** A pair of a large model's shapes for as long as it is measured: made, or one that is there. */

import { join } from "node:path";
import { configurationLike, makePair } from "../../../lib/studies/embedded_pairs/shapes/mod.ts";
import type { Watch } from "../../../lib/util/progress.ts";

/** Which pair. */
export interface PairOptions {
  /** Decoder layers of the pair that is made; default: as many as take about a minute. */
  readonly layers?: number;
  /** Folder of a pair to take instead. */
  readonly pair?: string;
}

/** Tokens of a window: those before the scored ones, and the scored. */
export interface Windows {
  readonly context: number;
  readonly window: number;
}

/** The windows, or what a model of few positions has room for in their place. */
export function fitting(windows: Windows, positions: number): Windows {
  if (windows.context + windows.window <= positions) return windows;
  const window = Math.floor(positions / 3);
  return { context: 2 * window, window };
}

/**
 * Runs `action` with a folder for what it writes and the folder of a pair, and removes what was written.
 *
 * @throws what `action` throws, and {@linkcode makePair}.
 */
export async function withPair<T>(
  { layers, pair, usual, like }: PairOptions & { readonly usual?: number; readonly like: string },
  { onProgress, signal }: Watch,
  action: (places: { readonly folder: string; readonly pair: string }) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    if (pair !== undefined) return await action({ folder, pair });
    onProgress?.({ done: 0, total: 1, label: "making the pair" });
    const made = join(folder, "pair");
    await makePair(made, await configurationLike(like, layers ?? usual), { signal });
    return await action({ folder, pair: made });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
