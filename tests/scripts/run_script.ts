/** Runs a script as a program of its own, with the permissions that its task in `deno.json` has. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };

/** What a program left. */
export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs the script of a task to its end, with more or other variables of the environment. */
export async function runTask(
  task: keyof typeof project.tasks,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
) {
  return await finished(spawn(taskArguments(task), args, variables));
}

/** Starts the script of a task that goes on until it is told to end. */
export function startTask(
  task: keyof typeof project.tasks,
  args: readonly string[],
): Deno.ChildProcess {
  return spawn(taskArguments(task), args);
}

/** Runs the script of a task with 64 open files at most. */
export async function runTaskWithFewFiles(
  task: keyof typeof project.tasks,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const limited = ["-c", 'ulimit -n 64; exec "$0" "$@"', Deno.execPath(), ...taskArguments(task)];
  const child = new Deno.Command("sh", {
    args: [...limited, ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...variables },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return await finished(child);
}

/** Starts the script of a task and interrupts it when it first reports progress. */
export async function interruptTask(task: keyof typeof project.tasks, args: readonly string[]) {
  return await interrupt(spawn(taskArguments(task), args), 1);
}

/** Starts the script of a task and stops it when a file of this ending comes to be in a folder. */
export async function interruptTaskAtFile(
  task: keyof typeof project.tasks,
  args: readonly string[],
  [folder, ending]: readonly [folder: string, ending: string],
  by: Deno.Signal = "SIGINT",
) {
  const changes = Deno.watchFs(folder);
  const child = spawn(taskArguments(task), args);
  // A program that ends without such a file ends the watching too.
  const finish = finished(child).finally(() => changes.close());
  let isThere = false;
  for await (const { paths } of changes) {
    if (isThere || !paths.some((path) => path.endsWith(ending))) continue;
    isThere = true;
    child.kill(by);
  }
  return await finish;
}

/** Runs a file of this folder with no permissions. */
export async function runFile(file: string, args: readonly string[]): Promise<Finished> {
  return await finished(spawn(fileArguments(file), args));
}

/** Starts a file of this folder and interrupts it each of the first `times` that it writes to stderr. */
export async function interruptFile(
  file: string,
  args: readonly string[],
  times: number,
): Promise<Finished> {
  return await interrupt(spawn(fileArguments(file), args), times);
}

function taskArguments(task: keyof typeof project.tasks): string[] {
  const [deno, ...args] = project.tasks[task].split(" ");
  assert.equal(deno, "deno");
  return args;
}

function fileArguments(file: string): string[] {
  return ["run", "--cached-only", fileURLToPath(new URL(file, import.meta.url))];
}

function spawn(
  [run, ...rest]: string[],
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    // A permission that is missing must fail, not wait for an answer.
    args: [run, "--no-prompt", ...rest, ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...variables },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function finished(child: Deno.ChildProcess): Promise<Finished> {
  const { code, stdout, stderr } = await child.output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, error };
}

async function interrupt(child: Deno.ChildProcess, times: number): Promise<Finished> {
  const out = new Response(child.stdout).text();
  let error = "";
  let heard = 0;
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    error += part;
    if (heard++ < times) child.kill("SIGINT");
  }
  const { code } = await child.status;
  return { code, out: await out, error };
}
