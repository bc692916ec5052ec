/** A delta of the Hub as a file: the one of its repository, or the one that its name says. */

import { join } from "node:path";
import { fetchFiles, formatHubName, openRevision, parseHubName } from "../checkpoint/hub/mod.ts";
import { DeltaError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";

/** Names of files that can be deltas. */
const DELTA = /\.(safetensors|pt)$/;

/**
 * Fetches a delta where it is not in the cache.
 *
 * @param text `hf:owner/name[@revision][/file]`; without a file, the repository has one that can be it.
 * @returns where it lies.
 * @throws {DeltaError} if there is none, or several.
 * @throws {HubError} {OptionError} as `openRevision` and `fetchFiles`.
 */
export async function fetchDelta(text: string, watch: Watch = {}): Promise<string> {
  const name = parseHubName(text, "model");
  const revision = await openRevision(name, watch);
  const paths = revision.files.map(({ path }) => path);
  const found = paths.includes(name.path) ? [name.path] : paths.filter((path) => DELTA.test(path));
  if (found.length === 1) return join(await fetchFiles(revision, found, watch), found[0]);
  throw new DeltaError({
    problem: found.length === 0 ? "holds no delta" : "holds more than one file that may be a delta",
    file: formatHubName(name),
    ...found.length === 0 ? {} : { value: found },
    expected: "a repository with one, or its path: hf:owner/name/file.safetensors",
  });
}
