/** Installs Deno's kernel for Jupyter: for the user, or for this project alone. */

import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { keptProgram, userDataFolder, writeKernelSpec } from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";

const command = script("kernel", "Installs Deno's kernel for Jupyter.")
  .option("--local", "into the project's .jupyter, for JUPYTER_PATH, instead of the user's data");

await runScript<{ local?: true }>(command, async ({ local }) => {
  if (!local) {
    const data = userDataFolder((name) => Deno.env.get(name));
    const folder = await writeKernelSpec(data, await keptProgram(data));
    return `The kernel 'Deno' is installed in ${folder}.`;
  }
  const data = fileURLToPath(new URL("../.jupyter", import.meta.url));
  await writeKernelSpec(data, await keptProgram(data));
  return `The kernel 'Deno' is installed; Jupyter sees it with JUPYTER_PATH=${
    relative(Deno.cwd(), data)
  }, which \`deno task lab\` sets.`;
}, "nothing was installed");
