/**
 * The progress of a long operation, in one place below its cell: a bar that moves, and at the end a
 * line that is the same every time, and holds no times.
 */

import type { Progress, Watch } from "../util/progress.ts";
import { formatBytes, formatSeconds, TimeLeft } from "../util/time_left.ts";
import { interruptible } from "./interrupt.ts";
import { defaultScreen, type Screen } from "./screen.ts";
import { plainView } from "./view.ts";

/** Milliseconds between two updates: more would only fill the channel. */
const UPDATE_EVERY = 100;
const BAR_WIDTH = 30;

/**
 * Runs an operation and shows how far it is. Jupyter's Interrupt stops it: its signal is raised, the
 * cell ends with one line, and the kernel keeps its state.
 *
 * @param what the operation, for the line that stays: `"Calibration"`
 * @param action is given what to pass on as its {@linkcode Watch}
 * @returns what the action returns
 * @throws {Interruption} if it was interrupted; what the action throws.
 *
 * @example
 * ```ts
 * import { textScreen, withProgress } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const said: string[] = [];
 * const sum = await withProgress("Sum", ({ onProgress }) => {
 *   onProgress?.({ done: 1, total: 2, label: "first" });
 *   return Promise.resolve(3);
 * }, textScreen((text) => said.push(text)));
 * assert.deepEqual([sum, said], [3, ["Sum: done."]]);
 * ```
 */
export async function withProgress<T>(
  what: string,
  action: (watch: Watch) => Promise<T>,
  screen: Screen = defaultScreen(),
): Promise<T> {
  const display = await screen.open(plainView(`${what} …`));
  const timeLeft = new TimeLeft();
  let last: Progress | undefined;
  let shownAt = -Infinity;
  let shown = Promise.resolve();
  const onProgress = (progress: Progress) => {
    last = progress;
    const now = performance.now();
    const seconds = timeLeft.after(progress, now);
    if (now - shownAt < UPDATE_EVERY) return;
    shownAt = now;
    const text = progressText(what, progress) + rateText(progress, timeLeft, seconds);
    shown = shown.then(() => display.update(plainView(text)));
  };
  try {
    const result = await interruptible(what, (signal) => action({ onProgress, signal }));
    await shown;
    await display.close(plainView(`${what}: done.`));
    return result;
  } catch (error) {
    await shown;
    const where = last ? ` after ${last.done} of ${last.total}, ${last.label}` : "";
    await display.close(plainView(`${what}: stopped${where}.`));
    throw error;
  }
}

/** `"Study  ███████▌        12 of 48  llama-base → llama-code: initial: code"` */
function progressText(what: string, progress: Progress): string {
  const { done, total } = progress.bytes ?? progress;
  const eighths = Math.round(8 * BAR_WIDTH * (total > 0 ? done / total : 0));
  const [full, part] = [Math.floor(eighths / 8), " ▏▎▍▌▋▊▉"[eighths % 8].trim()];
  const bar = ("█".repeat(full) + part).padEnd(BAR_WIDTH);
  return `${what}  ${bar}  ${progress.done} of ${progress.total}  ${progress.label}`;
}

/** `", 3.20 GB of 27.0 GB at 1.10 GB/s, 22 s left"`, where bytes are moved. */
function rateText({ bytes }: Progress, { bytesPerSecond }: TimeLeft, seconds: number | null) {
  if (!bytes) return "";
  const moved = `, ${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`;
  if (bytesPerSecond === null) return moved;
  return `${moved} at ${formatBytes(bytesPerSecond)}/s, ${formatSeconds(seconds!)} left`;
}
