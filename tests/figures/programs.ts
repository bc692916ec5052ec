/**
 * Programs of the machine that tests hold ours against: tests that need one say so in their names and
 * are reported as ignored where PATH lacks it.
 */

import assert from "node:assert/strict";
import { join } from "node:path";

/** The path of a program; `null` if PATH has none of these names. */
function findProgram(...names: string[]): string | null {
  const folders = (Deno.env.get("PATH") ?? "").split(Deno.build.os === "windows" ? ";" : ":");
  const paths = names.flatMap((name) => folders.filter(Boolean).map((each) => join(each, name)));
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  }) ?? null;
}

/** Runs a program, in a folder if one is given, and answers what it prints. */
export type Run = (args: readonly string[], folder?: string) => Promise<string>;

/** Registers a test that needs a program. */
export function testWithProgram(
  program: string,
  name: string,
  run: (program: Run) => Promise<void>,
): void {
  testWithPrograms([program], name, run);
}

/** Registers a test that needs several programs, and is given them in their order. */
export function testWithPrograms(
  programs: readonly string[],
  name: string,
  run: (...programs: Run[]) => Promise<void>,
): void {
  const paths = programs.map((program) => findProgram(program));
  Deno.test({
    name: `${name} (needs ${programs.join(", ")})`,
    ignore: paths.includes(null),
    fn: () => run(...paths.map((path): Run => (args, folder) => outputOf(path!, args, folder))),
  });
}

async function outputOf(path: string, args: readonly string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(path, { args: [...args], cwd }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, `${path} ${args.join(" ")}\n${out}${error}`);
  return out;
}
