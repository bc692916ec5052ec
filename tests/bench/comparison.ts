/** What a benchmark gives: a number beside a peer's from the same run, and how numbers are taken. */

import { resourceUsage } from "node:process";
import { median } from "simple-statistics";

/** One number of ours beside a peer's. */
export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** `null`: it cannot run here, or there is none. */
  readonly peer: number | null;
  /** What the peer is, and why it cannot run. */
  readonly peerIs: string;
  readonly better: "higher" | "lower";
  /** The least, or most, that ours may be; `null`: none was set. */
  readonly bound: number | null;
  /** The least, or most, that ours may be of the peer's; default: no matter. */
  readonly timesPeer?: number;
  /** ours / peer; default: of the numbers above. For runs in turns the median of the turns. */
  readonly quotient?: number;
}

/** How many times better ours is than the peer's; `null` without one. */
export function advantage(row: Comparison): number | null {
  const of = quotient(row);
  return of === null || row.better === "higher" ? of : 1 / of;
}

/** Whether ours keeps its bounds; `null` where a bound is the peer's, and there is none. */
export function keepsBound(row: Comparison): boolean | null {
  const { ours, bound, timesPeer, better } = row;
  const keeps = (value: number, limit: number) =>
    better === "higher" ? value >= limit : value <= limit;
  const keepsOwn = keeps(ours, bound ?? ours);
  if (timesPeer === undefined || !keepsOwn) return keepsOwn;
  const of = quotient(row);
  return of === null ? null : keeps(of, timesPeer);
}

function quotient({ ours, peer, quotient }: Comparison): number | null {
  return quotient ?? (peer === null ? null : ours / peer);
}

/** Seconds of each action in each of several turns: what slows the machine slows all alike. */
export async function inTurns(
  turns: number,
  actions: readonly (() => Promise<unknown>)[],
): Promise<number[][]> {
  const seconds: number[][] = actions.map(() => []);
  for (let turn = 0; turn < turns; turn++) {
    for (const [index, action] of actions.entries()) {
      const started = performance.now();
      await action();
      seconds[index].push((performance.now() - started) / 1000);
    }
  }
  return seconds;
}

/** The median over the turns of one action's seconds over another's. */
export function medianQuotient(seconds: readonly number[], others: readonly number[]): number {
  return median(seconds.map((each, turn) => each / others[turn]));
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
