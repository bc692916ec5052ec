/**
 * Where the two files of a tokenizer lie. A fine-tune that changed no tokens often comes without one or
 * both; its base's are the same then. Opens nothing.
 */

import { basename, dirname, join, resolve } from "node:path";
import { isTaken } from "../util/regular_file.ts";
import { modelName } from "./checkpoint_folder.ts";

/** Paths of a tokenizer's files. */
export interface TokenizerPlace {
  /** `tokenizer.json`: pieces and how a text is cut into them. */
  readonly definition: string;
  /** `tokenizer_config.json`: which pieces begin and end a text. */
  readonly settings: string;
}

/**
 * The files of a tokenizer in a checkpoint's folder; one that is not there is taken from the base's
 * folder, if it is there.
 */
export async function tokenizerPlace(folder: string, base?: string): Promise<TokenizerPlace> {
  const place = async (name: string) => {
    const [own, lent] = [join(folder, name), base === undefined ? null : join(base, name)];
    return lent !== null && !await isTaken(own) && await isTaken(lent) ? lent : own;
  };
  return {
    definition: await place("tokenizer.json"),
    settings: await place("tokenizer_config.json"),
  };
}

/**
 * Which of a checkpoint's tokenizer files another lends, in words: `"tokenizer.json of base"`; `null` if none.
 *
 * @example
 * ```ts
 * import { Checkpoint, lentFiles, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * // A folder that has a tokenizer of its own is lent none.
 * assert.equal(lentFiles(await model.tokenizerPlace(), model.directory), null);
 * ```
 */
export function lentFiles(place: TokenizerPlace, folder: string): string | null {
  const lent = [place.definition, place.settings]
    .filter((path) => resolve(dirname(path)) !== resolve(folder));
  if (lent.length === 0) return null;
  const names = lent.map((path) => basename(path)).join(" and ");
  return `${names} of ${modelName(dirname(lent[0]))}`;
}

/**
 * A sentence on {@linkcode lentFiles} to stand below a result; `""` if there are none.
 *
 * @example
 * ```ts
 * import { Checkpoint, lentNote, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * assert.equal(lentNote(await model.tokenizerPlace(), model.directory), "");
 * ```
 */
export function lentNote(place: TokenizerPlace, folder: string): string {
  const lent = lentFiles(place, folder);
  return lent === null ? "" : `The fine-tune lacks a file of its tokenizer: ${lent} is taken.`;
}
