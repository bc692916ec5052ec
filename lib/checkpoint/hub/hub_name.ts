/**
 * Names of what lies on the Hugging Face Hub: `hf:owner/name[@revision][/path/in/the/repository]`. Not here:
 * whether there is such a thing, and fetching it.
 */

import { OptionError } from "../../util/errors.ts";
import { HUB_PREFIX } from "../../util/hub_prefix.ts";
import { isSafePath } from "./safe_path.ts";

/** A checkpoint is a model; texts are a dataset. */
export type HubKind = "model" | "dataset";

/** A repository of the Hub at a revision, and perhaps one file or folder of it. */
export interface HubName {
  /** Which of the Hub's name spaces it is in. */
  readonly kind: HubKind;
  /** `owner/name`. */
  readonly repository: string;
  /** A branch, a tag, a commit or `refs/pr/1`; default `main`. */
  readonly revision: string;
  /** In the repository, without a slash at either end; `""` is all of it. */
  readonly path: string;
}

/** A part of a repository's name, as the Hub allows it. */
const PART = /^(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;

/** Revisions that have slashes of their own; of others, they are written `%2F`. */
const NESTED = /^refs\/(?:pr\/\d+|convert\/\w+)(?=\/|$)/;

/**
 * Whether a text names something on the Hub, well or badly, and no file or folder.
 *
 * @example
 * ```ts
 * import { isHubName } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.ok(isHubName("hf:meta-llama/Llama-2-7b-hf"));
 * assert.ok(!isHubName("data/checkpoints/llama-base"));
 * ```
 */
export function isHubName(text: string): boolean {
  return text.startsWith(HUB_PREFIX);
}

/**
 * Reads a name.
 *
 * @throws {OptionError} if it is malformed.
 *
 * @example
 * ```ts
 * import { parseHubName } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { repository, revision, path } = parseHubName("hf:allenai/c4@refs/pr/1/en", "dataset");
 * assert.deepEqual([repository, revision, path], ["allenai/c4", "refs/pr/1", "en"]);
 * ```
 */
export function parseHubName(text: string, kind: HubKind): HubName {
  const refuse = (problem: string) =>
    new OptionError({
      problem,
      value: text,
      expected: "hf:owner/name[@revision][/path], such as hf:meta-llama/Llama-2-7b-hf@main",
    });
  if (!isHubName(text)) throw refuse("is no name of the Hugging Face Hub");
  const [owner, ...others] = text.slice(HUB_PREFIX.length).split("/");
  const [name, ...first] = (others.shift() ?? "").split("@");
  if (!PART.test(owner) || !PART.test(name)) {
    throw refuse("names no repository of the Hugging Face Hub");
  }
  if (first.length === 0) {
    return { kind, repository: `${owner}/${name}`, revision: "main", path: pathOf(others, refuse) };
  }
  const rest = [first.join("@"), ...others].join("/");
  const nested = rest.match(NESTED)?.[0];
  const written = nested ?? rest.split("/")[0];
  const revision = decoded(written);
  if (revision === null || !isRevision(revision)) throw refuse("has a revision that none can have");
  const path = pathOf(rest.slice(written.length).split("/").slice(1), refuse);
  return { kind, repository: `${owner}/${name}`, revision, path };
}

/** Whether a text can be a revision: git allows more, which the Hub does not use. */
export function isRevision(text: string): boolean {
  return isSafePath(text) && !/[\s~^:?*[]|@\{/.test(text);
}

/** A name as it is written: `hf:owner/name@revision`, and the path where there is one. */
export function formatHubName({ repository, revision, path }: Omit<HubName, "kind">): string {
  const shown = NESTED.test(revision) ? revision : revision.replaceAll("/", "%2F");
  return `${HUB_PREFIX}${repository}@${shown}${path === "" ? "" : `/${path}`}`;
}

function pathOf(parts: readonly string[], refuse: (problem: string) => OptionError): string {
  const path = parts.join("/").replace(/\/$/, "");
  if (path !== "" && !isSafePath(path)) throw refuse("has a path that leaves its repository");
  return path;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
