/** The notebooks of this repository. */

import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Paths of all files of `notebooks/`, from the working folder, in the order of their names. */
export async function ownNotebooks(): Promise<string[]> {
  const folder = fileURLToPath(new URL("../notebooks", import.meta.url));
  const files: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".ipynb")) files.push(relative(Deno.cwd(), join(folder, name)));
  }
  return files.sort();
}
