/** The syntax of a cell, its types taken away; whether it runs is the kernel's to say. */

import { parse, type Program } from "acorn";
import { stripTypeScriptTypes } from "node:module";

/**
 * Parses a cell's TypeScript.
 *
 * @throws {SyntaxError} that shows the place, if it cannot be parsed.
 */
export function parseCell(source: string): Program {
  try {
    return parse(stripTypeScriptTypes(source), { ecmaVersion: "latest", sourceType: "module" });
  } catch (error) {
    showPlace(source);
    throw error;
  }
}

/**
 * Throws what is wrong with a source that cannot be parsed: taking types away does not say, rewriting them
 * does.
 */
function showPlace(source: string): void {
  try {
    // Deno's types know the first mode alone.
    stripTypeScriptTypes(source, { mode: "transform" as "strip" });
  } catch (error) {
    // The last line names a file that there is not.
    const [first, ...lines] = (error as Error).message.split("\n").slice(0, -1);
    throw new SyntaxError([first.replace(/^SyntaxError: /, ""), ...lines].join("\n"));
  }
}
