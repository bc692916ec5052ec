/** The files and folders that options name, as places to check before work begins. */

import { domains, isHubName, type Place } from "../lib/mod.ts";

/** What an option takes that names a checkpoint. */
export const A_CHECKPOINT =
  "checkpoint: a folder, or hf:owner/name[@revision] on the Hugging Face Hub";

/** What an option takes that names a delta. */
export const A_DELTA =
  "a delta: a file of compress, a diff.pt, or hf:owner/name[@revision][/file] on the Hugging Face Hub";

/**
 * Places that a command reads, by the names of their options; options that were not given are none, nor
 * is a domain's name in the place of a text, nor what is named on the Hugging Face Hub: its files stand in the
 * cache.
 */
export function placesRead(options: Readonly<Record<string, string | undefined>>): Place[] {
  return Object.entries(options).flatMap(([name, path]) => {
    const isDomain = name === "text" && domains.some((domain) => domain === path);
    return path === undefined || isDomain || isHubName(path) ? [] : [{ option: `--${name}`, path }];
  });
}
