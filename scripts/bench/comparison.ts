/** What a benchmark gives: a number beside a peer's from the same run, and how numbers are taken. */

import { resourceUsage } from "node:process";

/** One number of ours beside a peer's. */
export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number;
  /** What the peer is. */
  readonly peerIs: string;
  readonly better: "higher" | "lower";
  /** The least, or most, that ours may be; `null`: none was set. */
  readonly bound: number | null;
}

/** How many times better ours is than the peer's. */
export function advantage({ ours, peer, better }: Comparison): number {
  return better === "higher" ? ours / peer : peer / ours;
}

/** Whether ours keeps its bound. */
export function keepsBound({ ours, bound, better }: Comparison): boolean {
  return bound === null || (better === "higher" ? ours >= bound : ours <= bound);
}

/** Seconds of the fastest of several runs: what a busy machine disturbs least. */
export async function fastest(runs: number, action: () => Promise<unknown>): Promise<number> {
  let best = Infinity;
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    await action();
    best = Math.min(best, (performance.now() - started) / 1000);
  }
  return best;
}

/**
 * Megabytes that the process held at most beyond what it held before `action`. Never too low; too high
 * if the process once held more than it did when this began.
 */
export async function memoryAbove(action: () => Promise<unknown>): Promise<number> {
  const before = Deno.memoryUsage().rss;
  await action();
  return (resourceUsage().maxRSS * 1024 - before) / 1e6;
}

/** Stops a benchmark whose two sides do not compute the same. */
export function requireSame(what: string, ours: number, peer: number, tolerance: number): void {
  if (Math.abs(ours - peer) <= tolerance * Math.abs(peer)) return;
  throw new Error(`${what}: ours is ${ours}, the peer's ${peer}`);
}
