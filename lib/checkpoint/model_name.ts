/** What a model is called, by the folder that it lies in. Opens nothing. */

import { basename, resolve, sep } from "node:path";

/**
 * The name of the model in a folder: the folder's own, but for a snapshot in a Hugging Face cache,
 * `models--org--name/snapshots/<commit>`, which is `org/name`.
 *
 * Layout of the cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export function modelName(directory: string): string {
  const parts = resolve(directory).split(sep);
  const at = parts.findLastIndex((part, index) =>
    /^models--./.test(part) && parts[index + 1] === "snapshots" && parts.length > index + 2
  );
  if (at < 0) return basename(resolve(directory));
  const repository = parts[at].split("--").slice(1);
  return [...repository, ...parts.slice(at + 3)].join("/");
}
