/**
 * What all scripts share: options by `commander`, a progress bar by `cli-progress`, exit codes, and
 * Ctrl-C that stops a run where it can go on later.
 *
 * Exit codes: 0 done, 1 an error in the input, 2 a wrong option, 130 stopped by Ctrl-C.
 */

import cliProgress from "cli-progress";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { InputError, OptionError } from "../lib/errors.ts";
import { isFileSystemError } from "../lib/file_fault.ts";
import type { Progress, Watch } from "../lib/progress.ts";

/** A command whose errors come back to {@linkcode runScript} instead of ending the process. */
export function script(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .exitOverride()
    // Colours would need the permission to read the environment; there are none.
    .configureOutput({
      writeErr: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .allowExcessArguments(false)
    .showHelpAfterError(false);
}

/**
 * Parses the arguments, runs the action with a progress bar, and ends the process.
 *
 * @param action answers what is to be printed once the bar is gone.
 * @param stopped what Ctrl-C leaves, for a person.
 */
export async function runScript<Options extends object>(
  command: Command,
  action: (options: Options, watch: Watch) => Promise<string | void>,
  stopped = "the same command goes on from here",
): Promise<never> {
  const controller = new AbortController();
  const bar = new ProgressBar();
  Deno.addSignalListener("SIGINT", () => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort(new Interruption(stopped));
  });
  const watch = { onProgress: (report: Progress) => bar.show(report), signal: controller.signal };
  try {
    command.parse(Deno.args, { from: "user" });
    const result = await action(command.opts() as Options, watch);
    bar.stop();
    if (result) console.log(result);
    Deno.exit(0);
  } catch (error) {
    bar.stop();
    Deno.exit(report(command.name(), error));
  }
}

/** Parser of an option that is a whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= minimum) return number;
    throw new InvalidArgumentError(`expected a whole number of at least ${minimum}.`);
  };
}

class Interruption extends Error {
  constructor(left: string) {
    super(`stopped; ${left}`);
  }
}

function report(name: string, error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    console.error(`${name}: ${message} (see --help)`);
    return 2;
  }
  if (error instanceof Interruption) {
    console.error(`${name}: ${error.message}`);
    return 130;
  }
  if (error instanceof InputError) {
    console.error(`${name}: ${error.message}`);
    return error instanceof OptionError ? 2 : 1;
  }
  if (isFileSystemError(error)) {
    console.error(`${name}: ${error.message.split("\n", 1)}`);
    return 1;
  }
  console.error(error);
  return 1;
}

/** One bar for a whole run, on stderr; its total may change as a run goes from part to part. */
class ProgressBar {
  readonly #bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {value}/{total} | {eta_formatted} left | {label}",
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    // Without a terminal: a line every ten seconds, so that logs stay short.
    noTTYOutput: true,
    notTTYSchedule: 10_000,
    etaBuffer: 50,
  }, cliProgress.Presets.shades_classic);
  #running = false;

  show({ done, total, label }: Progress): void {
    if (!this.#running) this.#bar.start(total, done, { label });
    else {
      this.#bar.setTotal(total);
      this.#bar.update(done, { label });
    }
    this.#running = true;
  }

  stop(): void {
    if (this.#running) this.#bar.stop();
    this.#running = false;
  }
}
