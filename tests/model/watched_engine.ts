/** An engine that remembers what is placed on it, for tests of what a streamed model needs at once. */

import type { Engine } from "../../lib/graph/engine.ts";
import { MemoryBudget } from "../../lib/graph/memory.ts";

/** What an engine was asked to place. */
export interface PlacedRecord {
  /** Names in the order in which they were placed. */
  readonly names: string[];
  /** The most bytes that were placed and not released at one time. */
  peakBytes: number;
}

/** The same engine, which says that no model fits, and a record of what is placed on it. */
export function streamingEngine(engine: Engine): { engine: Engine; record: PlacedRecord } {
  const record: PlacedRecord = { names: [], peakBytes: 0 };
  let bytes = 0;
  const place: Engine["place"] = async (numbers, name) => {
    const placed = await engine.place(numbers, name);
    record.names.push(name ?? "");
    bytes += placed.byteLength;
    record.peakBytes = Math.max(record.peakBytes, bytes);
    const release = placed.release.bind(placed);
    placed.release = () => {
      bytes -= placed.byteLength;
      release();
    };
    return placed;
  };
  return { engine: { ...engine, memory: new MemoryBudget(0), place }, record };
}
