/**
 * Where an installed npm package lies and what it says of itself. Not a loader of code: the text
 * packages hold data files, no modules.
 */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { TextError } from "../util/errors.ts";
import { readTextAs } from "../util/read_file.ts";

/**
 * The folder of an installed package, whatever the current directory is.
 *
 * @throws {TextError} if the package is not installed.
 */
export function packageFolder(name: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch (cause) {
    throw new TextError({
      problem: "text package is not installed",
      value: name,
      expected: "the packages of deno.json, as `deno install` places them",
      cause,
    });
  }
}

/**
 * The text of a file of an installed package.
 *
 * @throws {TextError} if the package lacks it, or it cannot be read.
 */
export async function packageText(name: string, file: string): Promise<string> {
  const expected = `the package '${name}' whole; install the packages again`;
  return await readTextAs(join(packageFolder(name), file), TextError, expected);
}

/** The version an installed package states in its `package.json`. */
export async function packageVersion(name: string): Promise<string> {
  const { version } = JSON.parse(await packageText(name, "package.json")) as { version: string };
  return version;
}
