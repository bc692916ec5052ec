/** The syntax of a cell, its types taken away; whether it runs is the kernel's to say. */

import { parse, type Program } from "acorn";
import { stripTypeScriptTypes } from "node:module";

/**
 * Parses a cell's TypeScript.
 *
 * @throws {SyntaxError} with line and column, if it cannot be parsed.
 */
export function parseCell(source: string): Program {
  return parse(stripTypeScriptTypes(source), { ecmaVersion: "latest", sourceType: "module" });
}
