/** How fast a long operation goes, and how long it will take, from its reports. Not a bar. */

import type { Progress } from "./progress.ts";

interface Moment {
  readonly done: number;
  readonly total: number;
  /** Units, or bytes, that this run has done. */
  readonly worked: number;
  readonly now: number;
}

/**
 * Time left of one part of a run after another, by how fast the work of this run goes: in bytes where reports
 * have any, else in units.
 *
 * @example
 * ```ts
 * import { TimeLeft } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const left = new TimeLeft();
 * const report = (done: number, bytes: number) => {
 *   return { done, total: 2, label: "shard", bytes: { done: bytes, total: 4e9 } };
 * };
 * assert.equal(left.after(report(0, 0), 0), null);
 * assert.equal(left.after(report(0, 1e9), 2000), 6);
 * assert.equal(left.bytesPerSecond, 5e8);
 * ```
 */
export class TimeLeft {
  #first: Moment | null = null;
  #last: Moment | null = null;
  #perSecond: number | null = null;
  #isBytes = false;

  /** Bytes a second of the part that was reported last; `null` where it moves none, or none were timed yet. */
  get bytesPerSecond(): number | null {
    return this.#isBytes ? this.#perSecond : null;
  }

  /**
   * Seconds left after a report; `null` before the part's second unit of work, which is the first that
   * can be timed.
   *
   * @param now milliseconds
   */
  after(progress: Progress, now: number): number | null {
    const { done, total, resumed = 0 } = progress.bytes ?? progress;
    const isBytes = progress.bytes !== undefined;
    const moment = { done, total, worked: done - resumed, now };
    const goesOn = this.#isBytes === isBytes && this.#last?.total === total &&
      done >= this.#last.done;
    this.#isBytes = isBytes;
    if (!goesOn) this.#first = moment;
    // Reports within a unit say nothing new of how long units take.
    if (!goesOn || done > this.#last!.done) this.#last = moment;
    const [first, last] = [this.#first!, this.#last!];
    const worked = last.worked - first.worked;
    this.#perSecond = worked > 0 ? 1000 * worked / (last.now - first.now) : null;
    return worked > 0 ? (total - done) * (last.now - first.now) / 1000 / worked : null;
  }
}

/**
 * A time for a person: `"7 s"`, `"2 min 5 s"`, `"1 h 40 min"`.
 *
 * @example
 * ```ts
 * import { formatSeconds } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatSeconds(124.2), "2 min 5 s");
 * ```
 */
export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.ceil(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * Bytes for a person, in units of a thousand: `"812 B"`, `"4.10 MB"`, `"27.0 GB"`.
 *
 * @example
 * ```ts
 * import { formatBytes } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatBytes(26_953_662_464), "27.0 GB");
 * ```
 */
export function formatBytes(bytes: number): string {
  const units = ["kB", "MB", "GB", "TB"];
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  let unit = -1;
  // 999.5 of a unit would be rounded to four digits.
  for (; bytes >= 999.5 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${bytes.toFixed(bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0)} ${units[unit]}`;
}
