/**
 * How far a script is, on stderr: a bar by `cli-progress`, and the time that is left, which it would get
 * wrong: it also counts what an earlier run did, and parts of a run that are over.
 */

import cliProgress from "cli-progress";
import type { Progress } from "../lib/mod.ts";

/** Time left of one part of a run after another, by how fast the work of this run goes. */
export class TimeLeft {
  #first: Moment | null = null;
  #last: Moment | null = null;

  /**
   * Seconds left after a report; `null` before the part's second unit of work, which is the first that
   * can be timed.
   *
   * @param now milliseconds
   */
  after({ done, total, resumed = 0 }: Progress, now: number): number | null {
    const moment = { done, total, worked: done - resumed, now };
    const goesOn = this.#last?.total === total && done >= this.#last.done;
    if (!goesOn) this.#first = moment;
    // Reports within a unit say nothing new of how long units take.
    if (!goesOn || done > this.#last!.done) this.#last = moment;
    const [first, last] = [this.#first!, this.#last!];
    if (last.worked <= first.worked) return null;
    return (total - done) * (last.now - first.now) / 1000 / (last.worked - first.worked);
  }
}

interface Moment {
  readonly done: number;
  readonly total: number;
  /** Units that this run has done. */
  readonly worked: number;
  readonly now: number;
}

/** A time for a person: `"7 s"`, `"2 min 5 s"`, `"1 h 40 min"`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.ceil(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** One bar for a whole run; its total may change as a run goes from part to part. */
export class ProgressBar {
  readonly #bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {value}/{total} | {left}{label}",
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    // Without a terminal: a line every ten seconds, so that logs stay short.
    noTTYOutput: true,
    notTTYSchedule: 10_000,
  }, cliProgress.Presets.shades_classic);
  readonly #timeLeft = new TimeLeft();
  #running = false;

  /** Draws a report. */
  show(progress: Progress): void {
    const { done, total, label } = progress;
    const seconds = this.#timeLeft.after(progress, performance.now());
    const left = seconds === null ? "" : `${formatSeconds(seconds)} left | `;
    if (!this.#running) this.#bar.start(total, done, { left, label });
    else {
      this.#bar.setTotal(total);
      this.#bar.update(done, { left, label });
    }
    this.#running = true;
  }

  /** Takes the bar away. */
  stop(): void {
    if (this.#running) this.#bar.stop();
    this.#running = false;
  }
}
