/** Texts of a study that are each chosen by name: files, or data sets. Not here: how one is read (`named_text.ts`). */

import { TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import { contentOf } from "./document.ts";
import { type Domain, domains } from "./domains.ts";
import { CALIBRATION_TEXT, calibrationTextsOf, readText } from "./named_text.ts";
import { embeddedTextNames, type StudyTexts } from "./study_texts.ts";
import type { TextChoice } from "./text_choice.ts";
import { shortOrigin } from "./text_origin.ts";

/** What stands for each domain that is scored, and for calibration. */
export type TextChoices =
  & Readonly<Partial<Record<Domain, TextChoice>>>
  & { readonly calibration: TextChoice };

/**
 * Reads texts, each of them once.
 *
 * @throws {TextError} if one cannot be read or holds no text, or holds the same text as that of calibration, on
 * which no method may then be scored; later, of a domain that was not chosen.
 *
 * @example
 * ```ts
 * import { chosenTexts } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/seen.txt`, "What methods see.");
 * await Deno.writeTextFile(`${folder}/rows.csv`, "body\nWhat is scored.\n");
 * const texts = await chosenTexts({
 *   calibration: { source: `${folder}/seen.txt` },
 *   health: { source: `${folder}/rows.csv`, column: "body" },
 * });
 * assert.deepEqual((await texts.evaluation("health")).map(({ text }) => text), ["What is scored."]);
 * assert.equal(texts.origins!.health!.column, "body");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function chosenTexts(
  choices: TextChoices,
  watch: Watch = {},
): Promise<StudyTexts> {
  const calibration = await readText(choices.calibration, watch);
  const seen = contentOf(calibration.documents);
  const read = new Map([[CALIBRATION_TEXT, calibration]]);
  for (const domain of domains) {
    const choice = choices[domain];
    if (choice === undefined) continue;
    const text = await readText(choice, watch);
    if (contentOf(text.documents) === seen) {
      throw new TextError({
        problem: "is the calibration text too",
        file: choice.source,
        expected: "a text that no method has seen",
      });
    }
    read.set(domain, text);
  }
  const each = [...read].map(([name, { origin }]) => [name, origin] as const);
  const names = each.map(([name, origin]) => [name, shortOrigin(origin)]);
  return {
    names: { ...embeddedTextNames, ...Object.fromEntries(names) },
    origins: Object.fromEntries(each),
    // deno-lint-ignore require-await -- what is missing is a rejection
    async evaluation(domain) {
      const text = read.get(domain);
      if (text) return text.documents;
      throw new TextError({
        problem: "is a domain of which no text was chosen",
        value: domain,
        expected: [...read.keys()].join(", "),
      });
    },
    // deno-lint-ignore require-await -- rows that cannot stay whole are a rejection
    calibration: async (seed) => calibrationTextsOf(calibration, choices.calibration, seed),
  };
}
