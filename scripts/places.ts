/** The files and folders that options name, as places to check before work begins. */

import { domains, type Place } from "../lib/mod.ts";

/**
 * Places that a command reads, by the names of their options; options that were not given are none, nor
 * is a domain's name in the place of a text.
 */
export function placesRead(options: Readonly<Record<string, string | undefined>>): Place[] {
  return Object.entries(options).flatMap(([name, path]) => {
    const isDomain = name === "text" && domains.some((domain) => domain === path);
    return path === undefined || isDomain ? [] : [{ option: `--${name}`, path }];
  });
}
