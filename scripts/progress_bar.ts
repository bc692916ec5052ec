/**
 * How far a script is, on stderr: a bar by `cli-progress`, and the rate and the time that is left, which it
 * would get wrong: it also counts what an earlier run did, and parts of a run that are over.
 */

import cliProgress from "cli-progress";
import { formatBytes, formatSeconds, type Progress, TimeLeft } from "../lib/mod.ts";

/** One bar for a whole run; its total may change as a run goes from part to part. */
export class ProgressBar {
  readonly #bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {count} | {rate}{left}{label}",
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
    const { label, bytes } = progress;
    const seconds = this.#timeLeft.after(progress, performance.now());
    const { bytesPerSecond } = this.#timeLeft;
    const left = seconds === null ? "" : `${formatSeconds(seconds)} left | `;
    const speed = bytesPerSecond === null ? "" : ` at ${formatBytes(bytesPerSecond)}/s`;
    const rate = bytes
      ? `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}${speed} | `
      : "";
    const texts = { count: `${progress.done}/${progress.total}`, rate, left, label };
    const { done, total } = bytes ?? progress;
    if (!this.#running) this.#bar.start(total, done, texts);
    else {
      this.#bar.setTotal(total);
      this.#bar.update(done, texts);
    }
    this.#running = true;
  }

  /** Takes the bar away. */
  stop(): void {
    if (this.#running) this.#bar.stop();
    this.#running = false;
  }
}
