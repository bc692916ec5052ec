/**
 * Several compressed models of one pair on several texts, each against the same reference on the same
 * documents. For a pair and texts of the user's own; the study's protocol stands in
 * `activation_aware_bitdelta/`.
 */

import type { ModelName } from "../../figures/models.ts";
import type { MethodChoice } from "../../methods/method.ts";
import { type ResolvedMethod, resolveMethod } from "../../methods/mod.ts";
import type { WeightSource } from "../../checkpoint/weights.ts";
import { checkNotAlike } from "../../checkpoint/pair.ts";
import type { TextDocument } from "../../texts/document.ts";
import { OptionError } from "../../util/errors.ts";
import {
  type Interval,
  klOf,
  pairedBootstrapInterval,
  perplexityOf,
  type Statistic,
} from "../../evaluation/bootstrap.ts";
import type { Reference } from "../../evaluation/evaluator.ts";
import { resampledText, type ScoredText } from "../../evaluation/score_documents.ts";
import type { ScoreSummary } from "../../evaluation/scores.ts";
import type { TokenText } from "../../evaluation/token_text.ts";
import type { Pair } from "../../experiments/pair.ts";
import type { Watch } from "../../util/progress.ts";

/** A text under the name that the comparison shows. */
export interface ComparedText {
  /** As it is shown. */
  readonly name: string;
  /** What is scored. */
  readonly documents: readonly TextDocument[];
}

/** What a comparison runs with. */
export interface ComparisonOptions extends Watch {
  /** The methods; the first is what the others are held against. */
  readonly methods: readonly MethodChoice[];
  /** The texts that are scored. */
  readonly texts: readonly ComparedText[];
  /** What methods may see. */
  readonly calibration: readonly string[];
  /** Seed of the bootstrap over documents. */
  readonly bootstrapSeed: number;
}

/** One model on one text. Intervals are `null` where the text has but one document or window. */
export interface ComparisonRow extends ModelName {
  /** The text's name. */
  readonly text: string;
  /** Settings that tell it from others of its method and variant, `"rows 64"`; `null` where there are none. */
  readonly settings: string | null;
  /** exp of the mean of the windows' mean NLLs. */
  readonly perplexity: number;
  /** Perplexity relative to the fine-tune's, minus 1, the same documents drawn for both. */
  readonly againstFine: Interval | null;
  /** The same against the first method. */
  readonly againstFirst: Interval | null;
  /** Mean KL(fine ‖ model) a token, in nats. */
  readonly kl: number;
  /** KL relative to that of the first method, minus 1, paired. */
  readonly klAgainstFirst: Interval | null;
  /** Share of tokens with the fine-tune's first choice. */
  readonly agreement: number;
  /** NLL in bits for each byte of the text. */
  readonly bitsPerByte: number;
  /** What was drawn: documents or, of a text of one document, windows; and how many. */
  readonly drawn: string;
}

/**
 * Makes the model of each method once and scores it on every text, with base and fine-tune beside.
 *
 * @returns text by text: base, fine-tune, then the methods in their order
 * @throws {CheckpointError} if base and fine-tune are the same to the byte.
 * @throws {OptionError} if there is no method or no text, or one is there twice.
 * @throws {TextError} if a text is too short, or there is too little to calibrate with.
 *
 * @example
 * ```ts
 * import {
 *   compareMethods,
 *   embeddedTexts,
 *   evaluationDocuments,
 *   Pair,
 *   projectPath,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 *   { windows: { context: 64, window: 64 } },
 * );
 * const [document] = await evaluationDocuments("finance");
 * const documents = [{ ...document, text: document.text.slice(0, 2000) }];
 * const rows = await compareMethods(pair, {
 *   ...{ methods: [{ method: "initial" }], texts: [{ name: "finance", documents }] },
 *   ...{ calibration: await embeddedTexts.calibration(1), bootstrapSeed: 1 },
 * });
 * assert.deepEqual(rows.map(({ method }) => method), ["base", "fine", "initial"]);
 * assert.equal(rows[1].kl, 0);
 * ```
 */
export async function compareMethods(
  pair: Pair,
  { methods, texts, calibration, bootstrapSeed, ...watch }: ComparisonOptions,
): Promise<ComparisonRow[]> {
  const models: readonly ComparedModel[] = [
    ...["base", "fine"].map((method) => ({ method, variant: null, settings: null, choice: null })),
    ...comparedModels(methods),
  ];
  checkDistinct("texts", texts.map(({ name }) => name));
  // Extraction would say so too, but after the scores of base and fine-tune.
  await checkNotAlike(pair.base, pair.fine);
  const opened: OpenedText[] = [];
  for (const { name, documents } of texts) {
    const { text, unit } = resampledText(await pair.text(name, documents), pair.windows);
    opened.push({ text, unit, reference: await pair.reference(text, watch) });
  }
  const scores = new Map<ComparedModel, ScoreSummary[]>();
  for (const model of models) {
    const weights = await weightsOf(pair, model, calibration, watch);
    const summaries = [];
    for (const { text, reference } of opened) {
      summaries.push(await pair.evaluate(weights, text, reference, watch));
    }
    scores.set(model, summaries);
  }
  const [, fine, first] = models;
  return opened.flatMap(({ text, unit }, index) =>
    models.map((model): ComparisonRow => {
      const { choice, ...name } = model;
      const summary = scores.get(model)![index];
      const { perplexity, kl, agreement, bitsPerByte, documents } = summary;
      const against = (other: ComparedModel, statistic: Statistic) =>
        model === other || documents.length < 2 ? null : finite(pairedBootstrapInterval(
          documents,
          scores.get(other)![index].documents,
          statistic,
          bootstrapSeed,
        ));
      return {
        text: text.name,
        ...name,
        perplexity,
        againstFine: against(fine, perplexityOf),
        againstFirst: choice && against(first, perplexityOf),
        kl: kl!,
        klAgainstFirst: choice && against(first, klOf),
        agreement: agreement!,
        bitsPerByte,
        drawn: `${documents.length} ${unit}${documents.length === 1 ? "" : "s"}`,
      };
    })
  );
}

/** A model that is scored; `choice` is `null` for the pair's own. */
interface ComparedModel extends ModelName, Pick<ComparisonRow, "settings"> {
  readonly choice: MethodChoice | null;
}

/** The models of some methods, each told from the others. */
function comparedModels(choices: readonly MethodChoice[]): ComparedModel[] {
  const resolved = choices.map(resolveMethod);
  checkDistinct(
    "methods",
    resolved.map(({ method: { name }, variant, settings }) =>
      [name, variant ?? [], JSON.stringify(settings)].flat().join(", ")
    ),
  );
  return resolved.map((one, index) => ({
    method: one.method.name,
    variant: one.variant,
    settings: distinguishing(one, resolved),
    choice: choices[index],
  }));
}

/** The settings that other choices of the same method and variant have otherwise. */
function distinguishing(
  { method, variant, settings }: ResolvedMethod,
  all: readonly ResolvedMethod[],
): string | null {
  const alike = all.filter((other) => other.method === method && other.variant === variant);
  const names = Object.keys(settings).filter((name) =>
    alike.some((other) => other.settings[name] !== settings[name])
  );
  return names.length > 0 ? names.map((name) => `${name} ${settings[name]}`).join(", ") : null;
}

async function weightsOf(
  pair: Pair,
  { method, choice }: ComparedModel,
  calibration: readonly string[],
  watch: Watch,
): Promise<WeightSource> {
  if (choice === null) return method === "base" ? pair.base : pair.fine;
  return await pair.apply((await pair.compress(choice, calibration, watch)).delta);
}

/** A text with what the fine-tune says of it. */
interface OpenedText {
  readonly text: TokenText;
  readonly unit: ScoredText["unit"];
  readonly reference: Reference;
}

/** A ratio to nothing is none: of two models that are the fine-tune, neither is nearer. */
function finite(interval: Interval): Interval | null {
  return Object.values(interval).every(Number.isFinite) ? interval : null;
}

/** @throws {OptionError} if there is no name, or one is there twice. */
function checkDistinct(option: string, names: readonly string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (names.length > 0 && repeated === undefined) return;
  throw new OptionError({
    problem: names.length === 0 ? "there is nothing to compare" : "has one twice",
    option,
    value: repeated,
    expected: "one or more, each once",
  });
}
