/** Which scripts may use the network, and when: none but for what a name on the Hub asks for. */

import { isHubName } from "../lib/mod.ts";

/**
 * Gives up the permission to use the network, for as long as the script runs, unless an argument names
 * something on the Hugging Face Hub: `hf:owner/name`, alone or after `--option=`, or a file of pairs in which there
 * is such a name. A script's first act.
 */
export async function keepNetworkForNames(args: readonly string[] = Deno.args): Promise<void> {
  const isNamed = args.some((each) => isHubName(each.replace(/^--[\w-]+=/, "")));
  if (!isNamed && !await hasNames(args)) await Deno.permissions.revoke({ name: "net" });
}

/** Whether the file of `--pairs` has a name in it; one that cannot be read is told of later. */
async function hasNames(args: readonly string[]): Promise<boolean> {
  const at = args.findIndex((each) => /^--pairs(=|$)/.test(each));
  if (at < 0) return false;
  const path = args[at].includes("=") ? args[at].slice("--pairs=".length) : args[at + 1] ?? "";
  const isName = (_: string, value: unknown) =>
    typeof value === "string" && isHubName(value) ? found = true : value;
  let found = false;
  try {
    JSON.parse(await Deno.readTextFile(path), isName);
  } catch {
    return false;
  }
  return found;
}
