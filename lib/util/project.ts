/** Where this workspace lies, for notebooks and others whose working folder is not its root. */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HUB_PREFIX } from "./hub_prefix.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * A path given relative to the workspace's root, as an absolute one; absolute paths, and names on the Hugging Face
 * Hub, stay as they are.
 *
 * @example
 * ```ts
 * import { projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.match(await Deno.readTextFile(projectPath("deno.json")), /"@bitdelta\/workspace"/);
 * ```
 */
export function projectPath(path: string): string {
  return path.startsWith(HUB_PREFIX) ? path : resolve(root, path);
}
