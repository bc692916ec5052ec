/**
 * The modular sources of lodash as code documents: one file a document. Left out: the builds that
 * repeat every module (`lodash.js`, `core.js`, `*.min.js`) and the `fp/` wrappers.
 */

import type { TextDocument } from "./document.ts";
import { packageFolder, packageText } from "./package_folder.ts";

const PACKAGE = "lodash";

/** Names of the documents: file names without `.js`, as `_baseClone` or `debounce`. */
export async function lodashDocumentNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(packageFolder(PACKAGE))) {
    if (/^\w+\.js$/.test(name) && !/^(lodash|core|fp)\.js$/.test(name)) {
      names.push(name.slice(0, -".js".length));
    }
  }
  return names.sort();
}

/** One source file. */
export async function lodashDocument(name: string): Promise<TextDocument> {
  return { name, text: (await packageText(PACKAGE, `${name}.js`)).trim() };
}
