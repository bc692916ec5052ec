/**
 * What tells Jupyter, JupyterLab and VS Code how to start Deno's kernel: a kernel spec, in a folder of
 * Jupyter's data.
 *
 * Source: https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs and
 * https://docs.jupyter.org/en/latest/use/jupyter-directories.html#data-files
 */

import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";

/** The environment variables that say where a user's Jupyter keeps its data. */
export const dataFolderVariables = [
  "JUPYTER_DATA_DIR",
  "XDG_DATA_HOME",
  "APPDATA",
  "HOME",
] as const;

/**
 * Writes the spec of the kernel `deno`, over one that is there.
 *
 * @param dataFolder a folder of Jupyter's data: a user's, or any that `JUPYTER_PATH` names.
 * @param deno the Deno that is to run.
 * @returns the spec's folder.
 * @throws {OutputError} if it cannot be written.
 */
export async function writeKernelSpec(
  dataFolder: string,
  deno = Deno.execPath(),
): Promise<string> {
  const folder = join(dataFolder, "kernels", "deno");
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
 * Where Jupyter keeps a user's data.
 *
 * @param get a variable of the environment.
 */
export function userDataFolder(
  get: (variable: typeof dataFolderVariables[number]) => string | undefined,
  os = Deno.build.os,
): string {
  const chosen = get("JUPYTER_DATA_DIR");
  if (chosen) return chosen;
  const home = get("HOME") ?? "";
  if (os === "windows") return join(get("APPDATA") ?? home, "jupyter");
  if (os === "darwin") return join(home, "Library", "Jupyter");
  return join(get("XDG_DATA_HOME") ?? join(home, ".local", "share"), "jupyter");
}
