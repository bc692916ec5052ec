/**
 * Cards as files: each ends in a line with the digest of what stands above it, by which one that a person has
 * written in is told from one that nobody has.
 */

import { CheckpointError } from "../../util/errors.ts";
import { writeFileAtomic } from "../../util/files.ts";
import { sha256 } from "../../util/canonical.ts";
import { readFileIfThere } from "../../util/read_file.ts";
import { FORMAT } from "../delta_header.ts";

const MARK = new RegExp(`<!-- ${FORMAT} card ([0-9a-f]{64}) -->\n$`);

/**
 * The text of a card with the line that tells whether it was changed.
 *
 * @example
 * ```ts
 * import { markedCard } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.match(markedCard("# A"), /^# A\n<!-- one-bit-delta card [0-9a-f]{64} -->\n$/);
 * ```
 */
export function markedCard(text: string): string {
  return `${text}\n<!-- ${FORMAT} card ${sha256(text)} -->\n`;
}

/**
 * Writes a card, with its mark.
 *
 * @throws {OutputError} if it cannot be written.
 *
 * @example
 * ```ts
 * import { writeCard } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile();
 * await writeCard(path, "# A");
 * assert.ok((await Deno.readTextFile(path)).startsWith("# A\n"));
 * await Deno.remove(path);
 * ```
 */
export async function writeCard(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, markedCard(text));
}

/**
 * Whether a file is a card as {@linkcode writeCard} wrote it, and nobody has changed it since.
 *
 * @throws {CheckpointError} if it cannot be read.
 *
 * @example
 * ```ts
 * import { isOwnCard, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await isOwnCard(projectPath("README.md")), false);
 * ```
 */
export async function isOwnCard(path: string): Promise<boolean> {
  const bytes = await readFileIfThere(path, CheckpointError, "a model card");
  if (bytes === undefined) return false;
  const text = new TextDecoder().decode(bytes);
  const mark = MARK.exec(text);
  return mark !== null && markedCard(text.slice(0, mark.index - 1)) === text;
}
