/** Finds a Chromium that is present. What it is told is `browser_page.ts`. */

import { join } from "node:path";
import { OptionError } from "../../lib/mod.ts";

/** Names under which Chromium and its kin are installed; the first that PATH has is taken. */
const executables = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * The path of a Chromium.
 *
 * @param folders where to look, in the form of PATH.
 * @throws {OptionError} if none of them has one.
 */
export async function findBrowser(folders = Deno.env.get("PATH") ?? ""): Promise<string> {
  const each = folders.split(Deno.build.os === "windows" ? ";" : ":");
  for (const name of executables) {
    for (const folder of each.filter(Boolean)) {
      const path = join(folder, Deno.build.os === "windows" ? `${name}.exe` : name);
      if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
    }
  }
  throw new OptionError({
    problem: "finds no browser",
    option: "browser",
    value: `a PATH without ${executables.join(", ")}`,
    expected: "one of them to be installed",
  });
}
