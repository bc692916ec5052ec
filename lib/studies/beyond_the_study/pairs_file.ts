/**
 * A file that names pairs of this study: folders or what lies on the Hub, what each fine-tune is for, and the texts that
 * it is scored on and calibrated with.
 */

import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { modelName } from "../../checkpoint/checkpoint_folder.ts";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import { chosenTexts } from "../../texts/chosen_texts.ts";
import { type Domain, domains } from "../../texts/domains.ts";
import { readCalibrationTexts } from "../../texts/named_text.ts";
import { type TextChoice, textChoiceSchema } from "../../texts/text_choice.ts";
import { ConfigError } from "../../util/errors.ts";
import { firstIssue, readJsonFile } from "../../util/json_file.ts";
import type { Watch } from "../../util/progress.ts";
import { embeddedPairTexts, type PairTexts } from "./pair_texts.ts";
import type { BeyondPair } from "./protocol.ts";

const FILE = {
  mostBytes: 1e6,
  expected:
    "a JSON file with 'pairs', each with a 'base', a 'fine' and perhaps 'domain' and 'texts'",
};

const domain = v.picklist(domains);
const source = v.pipe(v.string(), v.nonEmpty());
const text = v.union([v.pipe(source, v.transform((source) => ({ source }))), textChoiceSchema]);
const schema = v.strictObject({
  pairs: v.pipe(
    v.array(v.strictObject({
      name: v.optional(source),
      base: source,
      fine: source,
      domain: v.optional(domain),
      texts: v.optional(v.strictObject({
        code: text,
        health: text,
        finance: text,
        wikitext: text,
        calibration: text,
        own: v.optional(text),
      })),
    })),
    v.check(({ length }) => length > 0, "at least one pair"),
  ),
});

/**
 * Reads `{"pairs": [{"name": …, "base": …, "fine": …, "domain": "health", "texts": {"code": …, …, "calibration": …,
 * "own": …}}]}`: `domain` is what the fine-tune is for, `calibration` general text and `own` text of that domain to
 * calibrate with; without `texts` these are the embedded ones. Paths are relative to the file's folder.
 *
 * @throws {ConfigError} if it cannot be read, or names something else, or a pair twice.
 * @throws {TextError} if a text cannot be read.
 *
 * @example
 * ```ts
 * import { ConfigError, readBeyondPairs } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".json" });
 * await Deno.writeTextFile(path, '{"pairs": [{"base": "a", "fine": "b", "domain": "health"}]}');
 * const [pair] = await readBeyondPairs(path);
 * assert.equal(pair.name, "a → b");
 * await Deno.writeTextFile(path, '{"pairs": []}');
 * await assert.rejects(readBeyondPairs(path), ConfigError);
 * await Deno.remove(path);
 * ```
 */
export async function readBeyondPairs(path: string, watch: Watch = {}): Promise<BeyondPair[]> {
  const { json } = await readJsonFile(path, ConfigError, FILE);
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (!result.success) {
    throw new ConfigError({ problem: "names no pairs", file: path, ...firstIssue(result.issues) });
  }
  const isNamed = (name: string) =>
    isHubName(name) || domains.some((each) => each === name) || name === "calibration";
  const place = (name: string) => isNamed(name) ? name : resolve(dirname(path), name);
  const pairs: BeyondPair[] = [];
  for (const { base, fine, domain = null, name, texts } of result.output.pairs) {
    const choices = Object.entries(texts ?? {}).map(([of, choice]) =>
      [of, { ...choice!, source: place(choice!.source) }] as const
    );
    const named = name ?? `${modelName(base)} → ${modelName(fine)}`;
    if (pairs.some((pair) => pair.name === named)) {
      const expected = "another name than that of a pair before it";
      throw new ConfigError({ problem: "is there twice", file: path, value: named, expected });
    }
    pairs.push({
      ...{ name: named, base: place(base), fine: place(fine), domain },
      texts: choices.length === 0
        ? embeddedPairTexts(domain)
        : await ownTexts(Object.fromEntries(choices) as Choices, watch),
    });
  }
  return pairs;
}

type Choices = Readonly<Record<Domain | "calibration", TextChoice>> & { readonly own?: TextChoice };

async function ownTexts({ own, ...choices }: Choices, watch: Watch): Promise<PairTexts> {
  const texts = await chosenTexts(choices, watch);
  if (own === undefined) return { ...texts, own: null };
  return { ...texts, own: async (seed) => (await readCalibrationTexts(own, seed, watch)).texts };
}
