/**
 * Perplexity as EleutherAI's lm-evaluation-harness defines it for texts (its `loglikelihood_rolling`
 * and the metrics of its task `wikitext`), beside the study's: each document by itself, every token of
 * it scored, and the sum shared among words or bytes instead of tokens. Not its tasks, which also
 * rewrite their texts before scoring.
 */

import type { WeightSource } from "../checkpoint/weights.ts";
import type { TextDocument } from "../domains/document.ts";
import { CheckpointError } from "../errors.ts";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../progress.ts";
import { Evaluator } from "./evaluator.ts";
import type { ScoredWindow } from "./windows.ts";

/** The harness's numbers of one model on one text. */
export interface RollingScores {
  /** −Σ log p over every token of every document, in nats. */
  readonly nll: number;
  /** Scored tokens. */
  readonly tokens: number;
  /** Words: pieces between runs of white space, empty ones at either end counted. */
  readonly words: number;
  /** UTF-8 bytes of the documents. */
  readonly bytes: number;
  /** exp(nll / words); `null` where no number is as large, as of text without spaces. */
  readonly wordPerplexity: number | null;
  /** exp(nll / bytes). */
  readonly bytePerplexity: number;
  /** nll / (bytes · ln 2). */
  readonly bitsPerByte: number;
  /** Tokens that the model sees at once at most: the harness's `max_length`. */
  readonly maximumLength: number;
}

/** What is asked of a tokenizer. */
export interface RollingTokenizer {
  /** The token before a document; where it is `null`, that of its end stands there. */
  readonly bosToken: number | null;
  /** The token after a document. */
  readonly eosToken: number | null;
  /** Ids of a text and nothing else. */
  encodeWithoutSpecial(text: string): readonly number[] | Promise<readonly number[]>;
}

/** A rolling window: a window of tokens, of whose predictions the last few, but for padding, count. */
interface RollingWindow extends ScoredWindow {
  /** Predictions before the counted ones. */
  readonly skipped: number;
  readonly counted: number;
}

/**
 * Scores each document by itself: a token of beginning before it, then disjoint windows of
 * `maximumLength` predictions, each from the token before it on; the last window is filled up with
 * tokens before it, so that its predictions have the longest context.
 *
 * @returns `null` if neither tokenizer nor model names a token of beginning or end, which takes the
 * place of what stands before a document
 * @throws {CheckpointError} if a token lies beyond the model's vocabulary, or likelihoods are not finite.
 */
export async function scoreRolling(
  engine: Engine,
  model: WeightSource,
  name: string,
  documents: readonly TextDocument[],
  tokenizer: RollingTokenizer,
  maximumLength: number,
  watch: Watch = {},
): Promise<RollingScores | null> {
  const { config } = model;
  const prefix = tokenizer.bosToken ?? tokenizer.eosToken ?? config.bosToken ?? config.eosToken;
  if (prefix === null) return null;
  const tokens: number[] = [];
  const windows: RollingWindow[] = [];
  let count = 0;
  for (const { text } of documents) {
    const own = await tokenizer.encodeWithoutSpecial(text);
    count += own.length;
    const { length, windows: of } = rollingWindows(own.length, maximumLength);
    const shift = tokens.length;
    windows.push(
      ...of.map((each) => ({ ...each, begin: each.begin + shift, end: each.end + shift })),
    );
    tokens.push(prefix, ...own, ...new Array(length - 1 - own.length).fill(prefix));
  }
  const nll = await sumOfWindows(engine, model, name, Int32Array.from(tokens), windows, watch);
  if (!Number.isFinite(nll)) {
    throw new CheckpointError({
      problem: `model '${model.name}' gives text '${name}' no finite likelihood`,
      value: nll,
      expected: "finite weights",
    });
  }
  const words = documents.reduce((sum, { text }) => sum + wordCount(text), 0);
  const bytes = documents.reduce((sum, { text }) => sum + byteCount(text), 0);
  const perWord = Math.exp(nll / words);
  return {
    nll,
    tokens: count,
    words,
    bytes,
    wordPerplexity: Number.isFinite(perWord) ? perWord : null,
    bytePerplexity: Math.exp(nll / bytes),
    bitsPerByte: nll / bytes / Math.LN2,
    maximumLength,
  };
}

/** Lengths of windows differ by so many parts of the longest at least: a graph is compiled for each. */
const LENGTHS = 8;

/**
 * Windows over a document of `tokenCount` tokens with one before it, as places in that sequence, and
 * the length to which it is to be padded. A document that fits one window is padded to the next of a
 * few lengths, which no token before the padding sees.
 */
export function rollingWindows(
  tokenCount: number,
  maximumLength: number,
): { readonly length: number; readonly windows: RollingWindow[] } {
  if (tokenCount === 0) return { length: 1, windows: [] };
  if (tokenCount <= maximumLength) {
    const step = Math.ceil(maximumLength / LENGTHS);
    const scored = Math.min(maximumLength, Math.ceil(tokenCount / step) * step);
    const window = { begin: 0, end: scored + 1, scored, skipped: 0, counted: tokenCount };
    return { length: scored + 1, windows: [window] };
  }
  const windows: RollingWindow[] = [];
  for (let predicted = 0; predicted < tokenCount;) {
    const counted = Math.min(maximumLength, tokenCount - predicted);
    predicted += counted;
    windows.push({
      begin: predicted - maximumLength,
      end: predicted + 1,
      scored: maximumLength,
      skipped: maximumLength - counted,
      counted,
    });
  }
  return { length: tokenCount + 1, windows };
}

async function sumOfWindows(
  engine: Engine,
  model: WeightSource,
  name: string,
  tokens: Int32Array,
  windows: readonly RollingWindow[],
  watch: Watch,
): Promise<number> {
  // Its windows are given, and an input more than it predicts from: the protocol's sizes are not used.
  const evaluator = new Evaluator(engine, model.config, { context: 0, window: 1 });
  const counted = new Map<ScoredWindow, RollingWindow>(windows.map((each) => [each, each]));
  const none = new Int32Array(tokens.length);
  try {
    const text = { name, tokens, bytes: none, documentOf: none, documents: [name] };
    const scores = await evaluator.scoreWindows(model, text, windows, watch);
    return scores.reduce((total, { window, nll }) => {
      const { skipped, counted: count } = counted.get(window)!;
      return nll.subarray(skipped, skipped + count).reduce((sum, each) => sum + each, total);
    }, 0);
  } finally {
    await evaluator.release();
  }
}

/** Python's white space (`str.isspace`), which also has the four information separators. */
const WHITE_SPACE = new RegExp(
  `[\\p{White_Space}${String.fromCharCode(0x1c, 0x1d, 0x1e, 0x1f)}]+`,
  "u",
);

/** The length of Python's `re.split(r"\\s+", text)`. */
export function wordCount(text: string): number {
  return text.split(WHITE_SPACE).length;
}

function byteCount(text: string): number {
  return new TextEncoder().encode(text).length;
}
