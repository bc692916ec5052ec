/**
 * A folder of the user's own texts in the place of the embedded ones: a file a domain, by its name.
 * How a file is read stands in `named_text.ts`.
 */

import { resolve } from "node:path";
import { TextError } from "../util/errors.ts";
import { fileFault } from "../util/file_fault.ts";
import { chosenTexts } from "./chosen_texts.ts";
import { type Domain, domains } from "./domains.ts";
import { CALIBRATION_TEXT } from "./named_text.ts";
import { embeddedTexts, type StudyTexts } from "./study_texts.ts";

/**
 * The texts of a folder, or the embedded ones where none is given. The folder holds one file for each
 * domain and one for calibration, named `code`, `health`, `finance`, `wikitext` and `calibration`, with
 * any ending and in any form that a text file may have: `code.txt`, `wikitext.jsonl`. Others are no
 * concern of it.
 *
 * @param wanted domains that will be scored, whose files must be there
 * @throws {TextError} if a file is missing, there twice or holds no text, or if one holds the same text
 * as that of calibration, on which no method may then be scored.
 *
 * @example
 * ```ts
 * import { openTexts, TextError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { names } = await openTexts(undefined);
 * assert.equal(names.code, "the sources of lodash");
 * await assert.rejects(openTexts("no/such/folder"), TextError);
 * ```
 */
export async function openTexts(
  folder: string | undefined,
  wanted: readonly Domain[] = domains,
): Promise<StudyTexts> {
  if (folder === undefined || folder === "") return embeddedTexts;
  const present = await namesIn(folder);
  const files = new Map<string, string>();
  for (const name of [...wanted, CALIBRATION_TEXT]) files.set(name, theFile(folder, present, name));
  const choices = [...files].map(([name, file]) => [name, { source: resolve(folder, file) }]);
  const texts = await chosenTexts(Object.fromEntries(choices));
  return {
    ...texts,
    // deno-lint-ignore require-await -- what is missing is a rejection
    async evaluation(domain) {
      if (files.has(domain)) return texts.evaluation(domain);
      throw missing(folder, present, domain);
    },
  };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ isDirectory }) => !isDirectory).map(({ name }) => name).sort();
  } catch (cause) {
    throw new TextError({
      problem: "cannot be read",
      file: folder,
      ...fileFault(
        cause as Error,
        "a folder with a text file for each domain, and one for calibration",
      ),
    });
  }
}

/** The one file whose name up to its first dot is `name`. */
function theFile(folder: string, present: readonly string[], name: string): string {
  const found = present.filter((each) => each.split(".")[0] === name);
  if (found.length === 1) return found[0];
  if (found.length === 0) throw missing(folder, present, name);
  throw new TextError({
    problem: `has several texts named '${name}'`,
    file: folder,
    value: found,
    expected: "one",
  });
}

function missing(folder: string, present: readonly string[], name: string): TextError {
  const few = present.slice(0, 10);
  return new TextError({
    problem: `has no text named '${name}'`,
    file: folder,
    value: few.length < present.length ? [...few, "…"] : few,
    expected: `a file '${name}.txt' or '${name}.jsonl'`,
  });
}
