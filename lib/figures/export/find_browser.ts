/** Finds a Chromium that is present. What it draws is `browser.ts`. */

import { join } from "node:path";
import { OptionError } from "../../util/errors.ts";

/** Names under which Chromium and its kin are installed; the first that PATH has is taken. */
const executables = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * The path of a Chromium.
 *
 * @param option what to call the wish for a browser in the error
 * @throws {OptionError} if PATH has none.
 */
export async function findBrowser(option = "browser"): Promise<string> {
  const folders = (Deno.env.get("PATH") ?? "").split(Deno.build.os === "windows" ? ";" : ":");
  for (const name of executables) {
    for (const folder of folders.filter(Boolean)) {
      const path = join(folder, Deno.build.os === "windows" ? `${name}.exe` : name);
      if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
    }
  }
  throw new OptionError({
    problem: "finds no browser",
    option,
    value: `a PATH without ${executables.join(", ")}`,
    expected: "one of them to be installed, or to draw without a browser",
  });
}
