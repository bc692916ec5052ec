/** Programs of this project in processes of their own. */

import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };

const root = new URL("../../", import.meta.url);

/** Flags of `deno task compress`, wherever it is started: what is measured has its permissions. */
const flags = project.tasks.compress.split(" ").filter((each) => each.startsWith("--"))
  .map((each) => each.replace(/(?<=^--allow-ffi=)/, fileURLToPath(root)));

/**
 * What a file of this project prints when it is run.
 *
 * @param file path from this project's folder.
 * @throws {Error} if it fails, with what it said.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  { more = [], signal }: { readonly more?: readonly string[]; readonly signal?: AbortSignal } = {},
): Promise<string> {
  signal?.throwIfAborted();
  const config = `--config=${fileURLToPath(new URL("deno.json", root))}`;
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      config,
      ...flags,
      ...more,
      fileURLToPath(new URL(file, root)),
      ...args,
    ],
    stdout: "piped",
    stderr: "piped",
    signal,
  });
  const { success, stdout, stderr } = await command.output();
  signal?.throwIfAborted();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(`'${file}' failed: ${text(stderr)}`);
  return text(stdout);
}
