/**
 * Perplexity as EleutherAI's lm-evaluation-harness defines it for texts (its `loglikelihood_rolling`
 * and the metrics of its task `wikitext`), beside the study's: each document by itself, every token of
 * it scored, and the sum shared among words or bytes instead of tokens. Not its tasks, which also
 * rewrite their texts before scoring.
 */

import type { WeightSource } from "../checkpoint/weights.ts";
import type { TextDocument } from "../texts/document.ts";
import { CheckpointError } from "../util/errors.ts";
import type { Engine } from "../graph/engine.ts";
import { Evaluator } from "./evaluator.ts";
import type { ScoringWatch } from "./score_documents.ts";
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
 *
 * @example
 * ```ts
 * import {
 *   Checkpoint,
 *   evaluationDocuments,
 *   onnxEngine,
 *   projectPath,
 *   scoreRolling,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const documents = (await evaluationDocuments("health")).slice(0, 2);
 * const tokenizer = await model.tokenizer();
 * const scores = await scoreRolling(onnxEngine(), model, "health", documents, tokenizer, 128);
 * const bytes = documents.reduce((sum, { text }) => sum + new TextEncoder().encode(text).length, 0);
 * assert.equal(scores?.bytes, bytes);
 * ```
 */
export async function scoreRolling(
  engine: Engine,
  model: WeightSource,
  name: string,
  documents: readonly TextDocument[],
  tokenizer: RollingTokenizer,
  maximumLength: number,
  watch: ScoringWatch = {},
): Promise<RollingScores | null> {
  const { config } = model;
  const prefix = tokenizer.bosToken ?? tokenizer.eosToken ?? config.bosToken ?? config.eosToken;
  if (prefix === null) return null;
  const sequences: Int32Array[] = [];
  const windows: RollingWindow[] = [];
  let [count, shift] = [0, 0];
  for (const { text } of documents) {
    const tokens = await tokenizer.encodeWithoutSpecial(text);
    const own = rollingWindows(tokens.length, maximumLength);
    const sequence = new Int32Array(own.length).fill(prefix);
    sequence.set(tokens, 1);
    sequences.push(sequence);
    for (const window of own.windows) {
      windows.push({ ...window, begin: window.begin + shift, end: window.end + shift });
    }
    count += tokens.length;
    shift += sequence.length;
  }
  const nll = await sumOfWindows(engine, model, name, joined(sequences), windows, watch);
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

function joined(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Lengths of windows differ by so many parts of the longest at least: a graph is compiled for each. */
const LENGTHS = 8;
/** Tokens scored at once at most: logits of more are larger than some devices bind. */
const MOST_SCORED = 1024;

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
    return { length: scored + 1, windows: predictions(0, scored, 0, tokenCount) };
  }
  const windows: RollingWindow[] = [];
  for (let predicted = 0; predicted < tokenCount;) {
    const counted = Math.min(maximumLength, tokenCount - predicted);
    predicted += counted;
    const begin = predicted - maximumLength;
    windows.push(...predictions(begin, maximumLength, maximumLength - counted, maximumLength));
  }
  return { length: tokenCount + 1, windows };
}

/**
 * All `length` predictions of the tokens after `begin`, of which those from `from` to `to` count, in
 * windows that begin there and score no more than {@linkcode MOST_SCORED}.
 */
function predictions(begin: number, length: number, from: number, to: number): RollingWindow[] {
  const windows: RollingWindow[] = [];
  for (let first = 0; first < length; first += MOST_SCORED) {
    const last = Math.min(first + MOST_SCORED, length);
    const skipped = Math.max(first, from) - first;
    const counted = Math.min(last, to) - first - skipped;
    if (counted <= 0) continue;
    windows.push({ begin, end: begin + last + 1, scored: last - first, skipped, counted });
  }
  return windows;
}

async function sumOfWindows(
  engine: Engine,
  model: WeightSource,
  name: string,
  tokens: Int32Array,
  windows: readonly RollingWindow[],
  watch: ScoringWatch,
): Promise<number> {
  // Its windows are given, and an input more than it predicts from: the protocol's sizes are not used.
  const evaluator = new Evaluator(engine, model.config, { context: 0, window: 1 }, watch.models);
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
