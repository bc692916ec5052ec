/**
 * What all scripts share: options by `commander`, a progress bar by `cli-progress`, exit codes, and
 * Ctrl-C and SIGTERM that stop a run where it can go on later.
 *
 * Exit codes: 0 done, 1 an error in the input, 2 a wrong option, 130 stopped by Ctrl-C, 143 by SIGTERM.
 */

import { Command, CommanderError, InvalidArgumentError } from "commander";
import {
  InputError,
  isFileSystemError,
  OptionError,
  type Progress,
  type Watch,
} from "../lib/mod.ts";
import { ProgressBar } from "./progress_bar.ts";

/** What asks a script to stop, and what it then exits with. Windows knows no SIGTERM. */
const STOPS: readonly (readonly [Deno.Signal, number])[] = [
  ["SIGINT", 130],
  ...Deno.build.os === "windows" ? [] : [["SIGTERM", 143] as const],
];

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
 * @param action returns what is to be printed once the bar is gone; one that prints as it goes takes it away before.
 * @param stopped what such a stop leaves, for a person; where options say so, by them.
 */
export async function runScript<Options extends object>(
  command: Command,
  action: (options: Options, watch: Watch, stopBar: () => void) => Promise<string | void>,
  stopped: string | ((options: Options) => string) = "the same command goes on from here",
): Promise<never> {
  const controller = new AbortController();
  const bar = new ProgressBar();
  const left = () => typeof stopped === "string" ? stopped : stopped(command.opts());
  for (const [signal, code] of STOPS) {
    Deno.addSignalListener(signal, () => {
      if (controller.signal.aborted) Deno.exit(code);
      controller.abort(new Interruption(left, code));
    });
  }
  const watch = { onProgress: (report: Progress) => bar.show(report), signal: controller.signal };
  try {
    parse(command, Deno.args);
    refuseNoNames(command);
    const result = await action(command.opts() as Options, watch, () => bar.stop());
    bar.stop();
    if (result) console.log(result);
    Deno.exit(0);
  } catch (error) {
    bar.stop();
    Deno.exit(report(command.name(), error));
  }
}

/** Parser of an option that is a whole number from `minimum` to `maximum`, in decimal digits. */
export function wholeNumber(minimum: number, maximum = 1_000_000): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= minimum && number <= maximum) return number;
    throw new InvalidArgumentError(`expected a whole number from ${minimum} to ${maximum}.`);
  };
}

/** Parser of a seed. */
export const SEED: (text: string) => number = wholeNumber(0, 2 ** 31 - 1);

/** Parses, and tells of an option that does not exist before one that is missing: it may be the same. */
function parse(command: Command, args: readonly string[]): void {
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    const isMissing = error instanceof CommanderError &&
      error.code === "commander.missingMandatoryOptionValue";
    if (!isMissing) throw error;
    for (const option of command.options) option.makeOptionMandatory(false);
    command.parse(args, { from: "user" });
    throw error;
  }
}

/**
 * An empty name is the working folder to the file system, and a variable of the shell that is not set
 * to its user; `~` is what a shell leaves as it is in `--out=~/a`.
 *
 * @throws {OptionError}
 */
function refuseNoNames(command: Command): void {
  const given = [
    ...command.options.map((option) => {
      return [`${option.long}`, command.getOptionValue(option.attributeName())] as const;
    }),
    ...command.args.map((value) => ["the list of files", value] as const),
  ];
  for (const [option, value] of given) {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    const wrong = values.find((each) => each === "" || /^~(\/|$)/.test(String(each)));
    if (wrong === undefined) continue;
    const expected = wrong === ""
      ? "a name; a variable of the shell may not be set"
      : "a path without '~', which the shell did not replace by the home folder";
    throw new OptionError({ problem: "names nothing", option, value: wrong, expected });
  }
}

/** What is left is known when the work has stopped, not when it is told to. */
class Interruption extends Error {
  constructor(readonly left: () => string, readonly exitCode: number) {
    super("stopped");
  }
}

function report(name: string, error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    const message = error.message.replace(/^error: /, "")
      .replace(/\n\(Did you mean (.*)\?\)$/, "; did you mean $1?").replaceAll("\n", " ");
    console.error(`${name}: ${message} (see --help)`);
    return 2;
  }
  if (error instanceof Interruption) {
    console.error(`${name}: stopped; ${error.left()}`);
    return error.exitCode;
  }
  if (error instanceof InputError) {
    console.error(`${name}: ${error.message}`);
    return error instanceof OptionError ? 2 : 1;
  }
  const refusal = systemRefusal(error);
  if (refusal !== null) {
    console.error(`${name}: ${refusal}`);
    return 1;
  }
  console.error(error);
  return 1;
}

/** What the machine lacks or forbids, of which no trace through the code says more; else `null`. */
function systemRefusal(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const isMemory = /allocation failed|out of memory|bad_alloc|Invalid (typed )?array length/i;
  if (isMemory.test(error.message)) return `there is not enough memory: ${firstLine(error)}`;
  return isFileSystemError(error) ? `the system refused: ${firstLine(error)}` : null;
}

function firstLine({ message }: Error): string {
  return message.split("\n")[0];
}
