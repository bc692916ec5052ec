/**
 * Where the two files of a tokenizer lie. A fine-tune that changed no tokens often comes without one or
 * both; its base's are the same then. Opens nothing.
 */

import { basename, dirname, join, resolve } from "node:path";
import { TokenizerError } from "../util/errors.ts";
import { isTaken } from "../util/regular_file.ts";
import { modelName } from "./checkpoint_folder.ts";

/** Paths of a tokenizer's files. */
export interface TokenizerPlace {
  /** `tokenizer.json`: pieces and how a text is cut into them. */
  readonly definition: string;
  /** `tokenizer_config.json`, or what older folders have: which pieces begin and end a text. */
  readonly settings: string;
}

/**
 * The files of a tokenizer in a checkpoint's folder; one that is not there is taken from the base's
 * folder, if it is there. Where neither has `tokenizer_config.json`, `special_tokens_map.json` says which pieces
 * begin and end a text.
 */
export async function tokenizerPlace(folder: string, base?: string): Promise<TokenizerPlace> {
  const found = async (name: string) => {
    for (const each of base === undefined ? [folder] : [folder, base]) {
      if (await isTaken(join(each, name))) return join(each, name);
    }
    return null;
  };
  const settings = await found("tokenizer_config.json") ?? await found("special_tokens_map.json");
  return {
    definition: await found("tokenizer.json") ?? join(folder, "tokenizer.json"),
    settings: settings ?? join(folder, "tokenizer_config.json"),
  };
}

/** Tokenizers in other forms, which transformers converts; whose they are. */
const OTHER_FORMS = {
  "tokenizer.model": "SentencePiece's",
  "tekken.json": "Mistral's",
  "tiktoken.model": "tiktoken's",
};

/**
 * Checks that both files are there.
 *
 * @throws {TokenizerError} that names what is missing, and what is there in its place.
 */
export async function checkPresent({ definition, settings }: TokenizerPlace): Promise<void> {
  if (!await isTaken(definition)) {
    let there = "";
    for (const [name, whose] of Object.entries(OTHER_FORMS)) {
      if (!await isTaken(join(dirname(definition), name))) continue;
      there += `; ${name} beside it is ${whose}, which is not read`;
    }
    throw new TokenizerError({
      problem: "cannot be read",
      file: definition,
      value: "there is no such file or folder",
      expected: `a tokenizer in Hugging Face's layout, here or in its base's folder${there}`,
    });
  }
  if (await isTaken(settings)) return;
  throw new TokenizerError({
    problem: "cannot be read",
    file: settings,
    value: "there is no such file or folder",
    expected:
      "it or special_tokens_map.json, here or in its base's folder: which tokens begin and end a text",
  });
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
