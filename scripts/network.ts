/** Which scripts may use the network, and when: none but for what a name on the Hub asks for. */

import { isHubName } from "../lib/mod.ts";

/**
 * Gives up the permission to use the network, for as long as the script runs, unless an argument names
 * something on the Hugging Face Hub: `hf:owner/name`, alone or after `--option=`. A script's first act.
 */
export async function keepNetworkForNames(args: readonly string[] = Deno.args): Promise<void> {
  const isNamed = args.some((each) => isHubName(each.replace(/^--[\w-]+=/, "")));
  if (!isNamed) await Deno.permissions.revoke({ name: "net" });
}
