/**
 * What tells Jupyter, JupyterLab and VS Code how to start Deno's kernel: a kernel spec, in a folder of
 * Jupyter's data.
 *
 * Source: https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs and
 * https://docs.jupyter.org/en/latest/use/jupyter-directories.html#data-files
 */

import { basename, join, resolve } from "node:path";
import { OutputError } from "../util/errors.ts";
import { writeFileAtomic } from "../util/files.ts";

/** The environment variables that say where a user's Jupyter keeps its data. */
export type DataFolderVariable = "JUPYTER_DATA_DIR" | "XDG_DATA_HOME" | "APPDATA" | "HOME";

/**
 * Writes the spec of the kernel `deno`, over one that is there.
 *
 * @param dataFolder a folder of Jupyter's data: a user's, or any that `JUPYTER_PATH` names.
 * @param deno the Deno that is to run.
 * @returns the spec's folder.
 * @throws {OutputError} if it cannot be written.
 *
 * @example
 * ```ts
 * import { writeKernelSpec } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const data = await Deno.makeTempDir();
 * const folder = await writeKernelSpec(data);
 * const { language } = JSON.parse(await Deno.readTextFile(`${folder}/kernel.json`));
 * assert.equal(language, "typescript");
 * await Deno.remove(data, { recursive: true });
 * ```
 */
export async function writeKernelSpec(
  dataFolder: string,
  deno = Deno.execPath(),
): Promise<string> {
  const folder = specFolder(dataFolder);
  const spec = {
    argv: [deno, "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    // Colours are escape codes in the outputs, which are to be the same as a runner's.
    env: { NO_COLOR: "1" },
    language: "typescript",
  };
  await writeFileAtomic(join(folder, "kernel.json"), JSON.stringify(spec, null, 2) + "\n");
  return folder;
}

/**
 * A program that stays where it is. One in a package manager's folder goes when that is cleared (`npx`
 * keeps Deno in a cache): it is linked to beside the spec, which takes no room, or copied where the file
 * system has no links.
 *
 * @returns its path.
 * @throws {OutputError} if the folder cannot be written.
 *
 * @example
 * ```ts
 * import { keptProgram } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * // A program that no package manager keeps stays where it is.
 * assert.equal(await keptProgram("data", "/usr/bin/deno"), "/usr/bin/deno");
 * ```
 */
export async function keptProgram(
  dataFolder: string,
  program = Deno.execPath(),
): Promise<string> {
  if (!program.split(/[\\/]/).includes("node_modules")) return program;
  const kept = resolve(specFolder(dataFolder), basename(program));
  // One that is there may be running: it is not written over but gives its name away.
  const beside = `${kept}.${crypto.randomUUID()}`;
  try {
    await Deno.mkdir(specFolder(dataFolder), { recursive: true });
    await Deno.link(program, beside).catch(() => Deno.copyFile(program, beside));
    await Deno.rename(beside, kept);
  } catch (cause) {
    await Deno.remove(beside).catch(() => {});
    throw new OutputError({
      problem: "cannot be written",
      file: kept,
      value: (cause as Error).message,
      expected: "a writable folder with free space",
      cause,
    });
  }
  return kept;
}

function specFolder(dataFolder: string): string {
  return join(dataFolder, "kernels", "deno");
}

/**
 * Where Jupyter keeps a user's data.
 *
 * @param get a variable of the environment.
 *
 * @example
 * ```ts
 * import { userDataFolder } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const environment: Record<string, string> = { JUPYTER_DATA_DIR: "data" };
 * assert.equal(userDataFolder((name) => environment[name]), "data");
 * ```
 */
export function userDataFolder(
  get: (variable: DataFolderVariable) => string | undefined,
  os = Deno.build.os,
): string {
  const chosen = get("JUPYTER_DATA_DIR");
  if (chosen) return chosen;
  const home = get("HOME") ?? "";
  if (os === "windows") return join(get("APPDATA") ?? home, "jupyter");
  if (os === "darwin") return join(home, "Library", "Jupyter");
  return join(get("XDG_DATA_HOME") ?? join(home, ".local", "share"), "jupyter");
}
