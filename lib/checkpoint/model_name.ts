/** What a model is called, by the folder that it lies in. Opens no file of it. */

import { existsSync, realpathSync } from "node:fs";
import { basename, resolve, sep } from "node:path";

/**
 * The name of the model in a folder: the folder's own, but for a snapshot in a Hugging Face cache,
 * `models--org--name/snapshots/<commit>`, which is `org/name`, also by a link to its `snapshots`.
 *
 * Layout of the cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export function modelName(directory: string): string {
  const path = resolve(directory);
  const isCommit = /^[0-9a-f]{40}$/.test(basename(path));
  return repositoryOf(path) ??
    (isCommit && existsSync(path) ? repositoryOf(realpathSync(path)) : null) ?? basename(path);
}

function repositoryOf(path: string): string | null {
  const parts = path.split(sep);
  const at = parts.findLastIndex((part, index) =>
    /^models--./.test(part) && parts[index + 1] === "snapshots" && parts.length > index + 2
  );
  if (at < 0) return null;
  return [...parts[at].split("--").slice(1), ...parts.slice(at + 3)].join("/");
}
