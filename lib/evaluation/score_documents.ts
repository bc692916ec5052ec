/**
 * Models on one text, with intervals: the whole of an evaluation in one call. What it is made of
 * stands in `evaluator.ts` and `bootstrap.ts`, for those who score on many texts.
 */

import type { TextTokenizer } from "../checkpoint/tokenizer.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import type { TextDocument } from "../texts/document.ts";
import type { Engine } from "../graph/engine.ts";
import type { PlacedModels } from "../model/placed_models.ts";
import {
  agreementOf,
  bitsPerByteOf,
  bootstrapInterval,
  type Interval,
  klOf,
  perplexityOf,
} from "./bootstrap.ts";
import { Evaluator, type KeptWatch } from "./evaluator.ts";
import type { ScoreSummary } from "./scores.ts";
import { type TokenText, tokenText } from "./token_text.ts";
import { slidingWindows, type WindowProtocol } from "./windows.ts";

/** How a text is scored. */
export interface ScoringSettings {
  /** Of the model. */
  readonly tokenizer: TextTokenizer;
  /** Sizes of the windows. */
  readonly windows: WindowProtocol;
  /** The fine-tune, for KL and agreement; absent: neither is computed. */
  readonly reference?: WeightSource;
  /** Seed of the bootstrap. */
  readonly bootstrapSeed: number;
}

/** How scoring is watched, and what it leaves on the engine. */
export interface ScoringWatch extends KeptWatch {
  /** Where models stay placed from one text or protocol to the next; default: until this one is scored. */
  readonly models?: PlacedModels;
}

/** Scores with 95 % intervals. */
export interface ScoredText {
  /** The scores, without intervals. */
  readonly summary: ScoreSummary;
  /** What was resampled: documents or, where fewer than two were scored, windows. */
  readonly unit: "document" | "window";
  /** exp of the mean NLL a token. */
  readonly perplexity: Interval;
  /** NLL in bits for each byte of the text. */
  readonly bitsPerByte: Interval;
  /** `null` without a reference. */
  readonly kl: Interval | null;
  /** Share of tokens with the fine-tune's first choice; `null` without a reference. */
  readonly agreement: Interval | null;
}

/**
 * Scores `model` on the documents, joined to one text.
 *
 * @param name of the text, for errors.
 * @throws {TextError} if the text is empty or too short.
 * @throws {TokenizerError} {CheckpointError} if the text has a token that the model does not know.
 *
 * @example
 * ```ts
 * import {
 *   Checkpoint,
 *   evaluationDocuments,
 *   onnxEngine,
 *   projectPath,
 *   scoreDocuments,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const documents = (await evaluationDocuments("health")).slice(0, 4);
 * const settings = {
 *   tokenizer: await model.tokenizer(),
 *   windows: { context: 64, window: 64 },
 *   bootstrapSeed: 1,
 * };
 * const { perplexity } = await scoreDocuments(onnxEngine(), model, "health", documents, settings);
 * assert.ok(perplexity.low <= perplexity.value && perplexity.value <= perplexity.high);
 * ```
 */
export async function scoreDocuments(
  engine: Engine,
  model: WeightSource,
  name: string,
  documents: readonly TextDocument[],
  { tokenizer, ...settings }: ScoringSettings,
  watch: ScoringWatch = {},
): Promise<ScoredText> {
  const text = await tokenText(name, documents, tokenizer, watch);
  return (await scoreModels(engine, { model }, text, settings, watch)).model;
}

/**
 * Scores several models of one shape on one text, by one reference: the fine-tune runs once.
 *
 * @param models by the names under which they come back.
 * @throws {TextError} if the text is too short.
 *
 * @example
 * ```ts
 * import {
 *   evaluationDocuments,
 *   firstTokens,
 *   Pair,
 *   projectPath,
 *   scoreModels,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const documents = await evaluationDocuments("health");
 * const text = firstTokens(await pair.text("health", documents), 512);
 * const models = { base: pair.base, fine: pair.fine };
 * const settings = { ...{ windows: { context: 64, window: 64 } }, reference: pair.fine };
 * const scores = await scoreModels(pair.engine, models, text, { ...settings, bootstrapSeed: 1 });
 * // A model is no distance from itself.
 * assert.deepEqual([scores.fine.kl?.value, scores.fine.agreement?.value], [0, 1]);
 * assert.ok(scores.base.kl!.value > 0);
 * ```
 */
export async function scoreModels<Name extends string>(
  engine: Engine,
  models: Readonly<Record<Name, WeightSource>>,
  whole: TokenText,
  { windows, reference, bootstrapSeed }: Omit<ScoringSettings, "tokenizer">,
  watch: ScoringWatch = {},
): Promise<Record<Name, ScoredText>> {
  const named = Object.entries(models) as [Name, WeightSource][];
  const { text, unit } = resampledText(whole, windows);
  const evaluator = new Evaluator(engine, named[0][1].config, windows, watch.models);
  try {
    const passes = named.length + (reference ? 1 : 0);
    const all = { resumed: 0 };
    const fine = reference &&
      await evaluator.reference(reference, text, partOf(watch, 0, passes, all));
    const scored: [Name, ScoredText][] = [];
    for (const [index, [name, model]] of named.entries()) {
      const part = partOf(watch, passes - named.length + index, passes, all);
      const summary = await evaluator.score(model, text, fine, part);
      const interval = (statistic: typeof perplexityOf) =>
        bootstrapInterval(summary.documents, statistic, bootstrapSeed);
      scored.push([name, {
        summary,
        unit,
        perplexity: interval(perplexityOf),
        bitsPerByte: interval(bitsPerByteOf),
        kl: fine ? interval(klOf) : null,
        agreement: fine ? interval(agreementOf) : null,
      }]);
    }
    return Object.fromEntries(scored) as Record<Name, ScoredText>;
  } finally {
    await evaluator.release();
  }
}

/** A watch of one of several models that are run over the same windows. */
function partOf(
  { onProgress, signal, kept }: KeptWatch,
  index: number,
  parts: number,
  all: { resumed: number },
): KeptWatch {
  const before = all.resumed;
  return {
    signal,
    kept,
    onProgress({ done, total, resumed = 0, ...report }) {
      all.resumed = before + resumed;
      const whole = { done: index * total + done, total: parts * total, resumed: all.resumed };
      onProgress?.({ ...report, ...whole });
    },
  };
}

/** The text as it is or, where less than two of its documents are scored, with its windows as documents. */
export function resampledText(
  text: TokenText,
  protocol: WindowProtocol,
): { text: TokenText; unit: ScoredText["unit"] } {
  const windows = slidingWindows(text.tokens.length, protocol, text.name);
  const firstScored = windows[0].end - windows[0].scored;
  const lastScored = windows[windows.length - 1].end - 1;
  if (text.documentOf[firstScored] < text.documentOf[lastScored]) return { text, unit: "document" };
  const documentOf = new Int32Array(text.tokens.length);
  windows.forEach(({ end, scored }, index) => documentOf.fill(index, end - scored, end));
  const documents = windows.map((_, index) => `window ${index + 1}`);
  return { text: { ...text, documents, documentOf }, unit: "window" };
}
