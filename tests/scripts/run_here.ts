/**
 * Runs a script in this process, which spares the start of another: for what a script refuses, of which there is much.
 * That it has the permissions that it needs, and exits, is what those tests show that run it as a program.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };
import type { Finished } from "./run_script.ts";

const root = new URL("../../", import.meta.url);

/** What ends a script where it would end the process. */
class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}

let runs = 0;

/** Runs the script of a task from its arguments to its exit; one at a time. */
export async function runHere(
  task: keyof typeof project.tasks,
  args: readonly string[],
): Promise<Finished> {
  assert.equal(fileURLToPath(root), Deno.cwd() + "/", "paths are those from the project's folder");
  const [file] = project.tasks[task].split(" ").slice(-1);
  let exit: Exit | null = null;
  let [out, error] = ["", ""];
  using changes = new DisposableStack();
  const replace = (of: object, key: string, value: unknown) => {
    const before = Object.getOwnPropertyDescriptor(of, key);
    Object.defineProperty(of, key, { value, configurable: true, writable: true });
    changes.defer(() => {
      if (before) Object.defineProperty(of, key, before);
      else Reflect.deleteProperty(of, key);
    });
  };
  const line = (parts: unknown[]) => (exit === null ? `${parts.join(" ")}\n` : "");
  replace(Deno, "args", args);
  replace(Deno, "addSignalListener", () => {});
  replace(Deno, "exit", (code: number) => {
    throw exit ??= new Exit(code);
  });
  replace(process.stderr, "write", (text: string) => (error += exit === null ? text : "", true));
  replace(console, "log", (...parts: unknown[]) => void (out += line(parts)));
  replace(console, "error", (...parts: unknown[]) => void (error += line(parts)));
  // Deno takes a module for stalled that waits for nothing but a worker.
  const waiting = setInterval(() => {}, 10);
  changes.defer(() => clearInterval(waiting));
  try {
    await import(`${new URL(file, root)}?run=${runs++}`);
  } catch (thrown) {
    if (exit === null) throw thrown;
  }
  assert.ok(exit, `${file} ends by an exit`);
  return { code: (exit as Exit).code, out, error };
}
