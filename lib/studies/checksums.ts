/**
 * What a report wrote, with the SHA-256 of each file in the form of `sha256sum`, so that files which are
 * read again later, compared or copied, are known to be as they were written.
 */

import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { writeFileAtomic } from "../util/files.ts";
import { readFileIfThere, readTextAs } from "../util/read_file.ts";
import { ReportError } from "../figures/figure.ts";

/** Name of the list in its folder. */
export const CHECKSUMS = "figures-and-tables.sha256";

/**
 * Writes the list of `paths`, which lie in `folder`.
 *
 * @throws {OutputError} if it cannot be written.
 * @throws {ReportError} if a file is not there.
 *
 * @example
 * ```ts
 * import { checkChecksums, writeChecksums } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/table.csv`, "a,b\n");
 * await writeChecksums(folder, [`${folder}/table.csv`]);
 * await checkChecksums(folder);
 * await Deno.writeTextFile(`${folder}/table.csv`, "a,c\n");
 * await assert.rejects(checkChecksums(folder), /is not as it was written/);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeChecksums(folder: string, paths: readonly string[]): Promise<void> {
  const lines = await Promise.all(paths.map(async (path) => {
    return `${await hashOf(path)}  ${relative(folder, path)}\n`;
  }));
  await writeFileAtomic(join(folder, CHECKSUMS), lines.join(""));
}

/**
 * Checks those of the listed files that are in the folder; a copy may leave files out.
 *
 * @throws {ReportError} naming the first file that is not as it was written, or a list that is none.
 *
 * @example
 * ```ts
 * import { checkChecksums, projectPath } from "@bitdelta/workspace";
 *
 * await checkChecksums(projectPath("data/reproduction"));
 * ```
 */
export async function checkChecksums(folder: string): Promise<void> {
  const list = join(folder, CHECKSUMS);
  const text = await readTextAs(
    list,
    ReportError,
    "the list that a report writes beside its files",
  );
  for (const line of text.trimEnd().split("\n")) {
    const [, expected, name] = /^([0-9a-f]{64}) {2}([^/]+)$/.exec(line) ?? [];
    if (name === undefined) {
      const expected = "a SHA-256, two spaces and a file's name on each line";
      throw new ReportError({ problem: "is no list of sums", file: list, value: line, expected });
    }
    const file = join(folder, name);
    const found = await hashOf(file);
    if (found === undefined || found === expected) continue;
    throw new ReportError({ problem: "is not as it was written", file, value: found, expected });
  }
}

async function hashOf(path: string): Promise<string | undefined> {
  const bytes = await readFileIfThere(path, ReportError, "a file of a report");
  return bytes && createHash("sha256").update(bytes).digest("hex");
}
