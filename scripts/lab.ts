/**
 * Opens the notebooks in JupyterLab, or in Jupyter Notebook where there is no Lab, with this project's
 * kernel. All arguments go to Jupyter.
 */

import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { OutputError, writeKernelSpec } from "../lib/mod.ts";

const root = new URL("../", import.meta.url);
const data = fileURLToPath(new URL(".jupyter", root));
const application = await firstPresent("lab", "notebook");
if (!application) {
  console.error(
    "lab: no Jupyter found; install JupyterLab (`pip install jupyterlab`) or Notebook (`apt install jupyter-notebook`)",
  );
  Deno.exit(1);
}
try {
  await writeKernelSpec(data);
} catch (error) {
  if (!(error instanceof OutputError)) throw error;
  console.error(`lab: ${error.message}`);
  Deno.exit(1);
}
const paths = [data, Deno.env.get("JUPYTER_PATH")].filter(Boolean).join(delimiter);
// Ctrl-C is for Jupyter, which asks before it ends.
Deno.addSignalListener("SIGINT", () => {});
const { code } = await new Deno.Command("jupyter", {
  args: [application, ...Deno.args],
  cwd: fileURLToPath(new URL("notebooks", root)),
  env: { JUPYTER_PATH: paths },
}).spawn().status;
Deno.exit(code);

async function firstPresent(...applications: string[]): Promise<string | undefined> {
  for (const application of applications) {
    const version = new Deno.Command("jupyter", {
      args: [application, "--version"],
      stdout: "null",
      stderr: "null",
    });
    try {
      if ((await version.output()).success) return application;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
