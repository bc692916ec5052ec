/**
 * A file that names the pairs and the texts of a study: folders, files, or what lies on the Hugging Face Hub.
 * Not here: opening any of them.
 */

import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import { modelName } from "../../checkpoint/checkpoint_folder.ts";
import type { TextChoices } from "../../texts/chosen_texts.ts";
import { domains } from "../../texts/domains.ts";
import { textChoiceSchema } from "../../texts/text_choice.ts";
import { ConfigError } from "../../util/errors.ts";
import { firstIssue, readJsonFile } from "../../util/json_file.ts";
import { type PairSpec, realProtocol } from "./protocol.ts";

/** What a file of pairs should be. */
const PAIRS_FILE = {
  mostBytes: 1e6,
  expected: "a JSON file with 'pairs', each with a 'base' and a 'fine', and perhaps 'texts'",
};

/** What a file of pairs names. */
export interface NamedPairs {
  /** In the order of tables; the last is the pair of Figures 2–5. */
  readonly pairs: readonly PairSpec[];
  /** What is scored and calibrated with; absent: the file does not say. */
  readonly texts?: TextChoices;
}

const isFilled = (text: string) => text !== "";
const source = v.pipe(v.string(), v.check(isFilled, "a path, or hf:owner/name"));
const pairSchema = v.strictObject({
  name: v.optional(v.pipe(v.string(), v.check(isFilled, "a name"))),
  base: source,
  fine: source,
  standsFor: v.optional(v.tuple([v.string(), v.string()])),
});
const text = v.union([v.pipe(source, v.transform((source) => ({ source }))), textChoiceSchema]);
const schema = v.strictObject({
  pairs: v.pipe(v.array(pairSchema), v.check(({ length }) => length > 0, "at least one pair")),
  texts: v.optional(v.strictObject({
    code: text,
    health: text,
    finance: text,
    wikitext: text,
    calibration: text,
  })),
});

/**
 * Reads a file of pairs: `{"pairs": [{"base": …, "fine": …}, …], "texts": {"code": …, …, "calibration": …}}`. A pair
 * may have a `name`, and the names of the study's pair that it `standsFor`, beside whose published numbers it is
 * shown. A text is a name or a {@linkcode TextChoice}. Paths are relative to the file's folder.
 *
 * @throws {ConfigError} if it cannot be read, or names something else, or a pair twice.
 *
 * @example
 * ```ts
 * import { projectPath, readPairsFile } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { pairs } = await readPairsFile(projectPath("data/pairs/study.json"));
 * assert.equal(pairs.at(-1)!.fine, "hf:meta-llama/Llama-2-7b-chat-hf");
 * ```
 */
export async function readPairsFile(path: string): Promise<NamedPairs> {
  const { json } = await readJsonFile(path, ConfigError, PAIRS_FILE);
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (!result.success) {
    throw new ConfigError({ problem: "names no pairs", file: path, ...firstIssue(result.issues) });
  }
  const place = (name: string) => isHubName(name) ? name : resolve(dirname(path), name);
  const { texts } = result.output;
  const pairs = result.output.pairs.map((pair, index): PairSpec => {
    const [base, fine] = [pair.base, pair.fine].map(place);
    const { name = `${modelName(base)} → ${modelName(fine)}`, standsFor = null } = pair;
    if (standsFor) checkStudied(standsFor, path, index);
    return { name, base, fine, standsFor };
  });
  checkDistinct(pairs, path);
  if (texts === undefined) return { pairs };
  const choices = Object.entries(texts).map(([name, choice]) =>
    [name, isDomain(choice.source) ? choice : { ...choice, source: place(choice.source) }] as const
  );
  return { pairs, texts: Object.fromEntries(choices) as typeof texts };
}

function isDomain(source: string): boolean {
  return domains.some((domain) => domain === source);
}

function checkStudied(standsFor: readonly [string, string], file: string, index: number): void {
  const studied = realProtocol.pairs.map(({ standsFor }) => standsFor!);
  if (studied.some(([base, fine]) => base === standsFor[0] && fine === standsFor[1])) return;
  throw new ConfigError({
    problem: "stands for no pair of the study",
    file,
    option: `pairs.${index}.standsFor`,
    value: standsFor,
    expected: studied.map((each) => each.join(" and ")).join("; "),
  });
}

/** Measurements of a pair are told apart by its name. */
function checkDistinct(pairs: readonly PairSpec[], file: string): void {
  for (const field of ["name", "standsFor"] as const) {
    const seen = new Set<string>();
    for (const [index, { [field]: value }] of pairs.entries()) {
      if (value === null) continue;
      const text = String(value);
      if (seen.has(text)) {
        const option = `pairs.${index}.${field}`;
        const expected = "another than that of a pair before it";
        throw new ConfigError({ problem: "is there twice", file, option, value, expected });
      }
      seen.add(text);
    }
  }
}
