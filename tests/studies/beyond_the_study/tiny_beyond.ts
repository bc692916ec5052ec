/** The study on a pair of a few thousand weights and a little text, in seconds. */

import { join } from "node:path";
import { MeasurementStore } from "../../../lib/experiments/measurement_store.ts";
import {
  type BeyondProtocol,
  quickBeyondProtocol,
} from "../../../lib/studies/beyond_the_study/protocol.ts";
import type { BeyondOptions } from "../../../lib/studies/beyond_the_study/run.ts";
import { engine, sentences, smallTexts } from "../../experiments/small_study.ts";

/** What the study runs with on the pair in a folder; another method of its list may be measured. */
export function tinyBeyond(
  folder: string,
  change: Partial<BeyondProtocol> = {},
): BeyondOptions & { readonly store: MeasurementStore } {
  const own = (seed: number) =>
    Promise.resolve([2, 12, 1].map((count) => sentences(500 + seed, count)));
  const pair = {
    name: "base → fine",
    base: join(folder, "base"),
    fine: join(folder, "fine"),
    domain: "health" as const,
    texts: { ...smallTexts, own },
  };
  const protocol: BeyondProtocol = {
    ...quickBeyondProtocol,
    name: "tiny",
    pairs: [pair],
    models: [
      { method: "initial", seeds: 2 },
      { method: "distilled", seeds: 2, around: 1 },
      { method: "activation-aware", seeds: 2, around: 2, isCrossed: true },
      { method: "unheard of", seeds: 1 },
    ],
    windows: { context: 16, window: 8 },
    sizes: [16, 40],
    size: 40,
    mixes: ["general", "own"],
    settings: { steps: 1, batch: 1 },
    seeds: [1, 2],
    crossover: { pair: pair.name, shares: [0.5, 1] },
    ...change,
  };
  return { protocol, store: new MeasurementStore(join(folder, "measurements")), engine };
}
