/** What scoring a text gives, and the numbers that papers report of it. */

import { DivergenceError } from "../util/errors.ts";
import type { TokenText } from "./token_text.ts";
import type { ScoredWindow } from "./windows.ts";

/** Scores of one window's scored tokens. */
export interface WindowScores {
  /** The window. */
  readonly window: ScoredWindow;
  /** Negative log likelihood of each scored token, in nats. */
  readonly nll: Float32Array;
  /** KL(reference ‖ model) at each scored token, in nats; `null` without a reference. */
  readonly kl: Float32Array | null;
  /** 1 where model and reference rank the same token first; `null` without a reference. */
  readonly agreement: Int32Array | null;
}

/** Sums over the scored tokens of one document: all that the statistics below need. */
export interface DocumentScores {
  /** The document's. */
  readonly name: string;
  /** Scored tokens. */
  readonly tokens: number;
  /** UTF-8 bytes of the scored tokens. */
  readonly bytes: number;
  /** Sum over its tokens, in nats. */
  readonly nll: number;
  /** Sum over its tokens, in nats; `null` without a reference. */
  readonly kl: number | null;
  /** Tokens with the reference's first choice; `null` without a reference. */
  readonly agreement: number | null;
}

/** The numbers of one model on one text. */
export interface ScoreSummary {
  /** exp of the mean of the windows' mean NLLs, as the study computes it. */
  readonly perplexity: number;
  /** Mean KL(fine ‖ model) a token, in nats. */
  readonly kl: number | null;
  /** Share of tokens on which the model's first choice is the fine-tune's. */
  readonly agreement: number | null;
  /** Bits of information that the model needs for a byte of the text. */
  readonly bitsPerByte: number;
  /** Scored tokens. */
  readonly tokens: number;
  /** Mean NLL of each window, in nats. */
  readonly windowNll: readonly number[];
  /** Sums over each document that has scored tokens. */
  readonly documents: readonly DocumentScores[];
}

/**
 * Summarises the windows of one text.
 *
 * @throws {DivergenceError} if a number is not finite, as exp of a mean NLL above 709 nats.
 */
export function summarize(text: TokenText, scores: readonly WindowScores[]): ScoreSummary {
  const documents = documentScores(text, scores);
  const total = sumOf(documents);
  const windowNll = scores.map(({ nll }) => nll.reduce((sum, each) => sum + each, 0) / nll.length);
  const summary = {
    perplexity: Math.exp(windowNll.reduce((sum, each) => sum + each, 0) / windowNll.length),
    kl: total.kl === null ? null : total.kl / total.tokens,
    agreement: total.agreement === null ? null : total.agreement / total.tokens,
    bitsPerByte: total.nll / Math.LN2 / total.bytes,
    tokens: total.tokens,
    windowNll,
    documents,
  };
  for (const [name, value] of Object.entries(summary)) {
    if (typeof value !== "number" || Number.isFinite(value)) continue;
    throw new DivergenceError({
      problem: `${name} of '${text.name}' is beyond what a number holds`,
      value: `${value}, at ${total.nll / total.tokens} nats a token`,
      expected: "a finite number; the model is far from this text",
    });
  }
  return summary;
}

/**
 * Sums of several documents, as one, added in their order.
 *
 * @param picked places of the documents that count, as often as they stand there; default: each once.
 */
export function sumOf(
  documents: readonly DocumentScores[],
  picked: ArrayLike<number> = documents.map((_, index) => index),
): DocumentScores {
  const first = documents[picked[0]];
  let { tokens, bytes, nll, kl, agreement } = first;
  for (let at = 1; at < picked.length; at++) {
    const each = documents[picked[at]];
    tokens += each.tokens;
    bytes += each.bytes;
    nll += each.nll;
    kl = kl === null || each.kl === null ? null : kl + each.kl;
    agreement = agreement === null || each.agreement === null ? null : agreement + each.agreement;
  }
  return { name: first.name, tokens, bytes, nll, kl, agreement };
}

function documentScores(text: TokenText, scores: readonly WindowScores[]): DocumentScores[] {
  const sums = text.documents.map((name) => ({
    name,
    tokens: 0,
    bytes: 0,
    nll: 0,
    kl: scores[0].kl && 0,
    agreement: scores[0].agreement && 0,
  }));
  for (const { window, nll, kl, agreement } of scores) {
    const first = window.end - window.scored;
    for (let index = 0; index < window.scored; index++) {
      const sum = sums[text.documentOf[first + index]];
      sum.tokens++;
      sum.bytes += text.bytes[first + index];
      sum.nll += nll[index];
      if (kl) sum.kl! += kl[index];
      if (agreement) sum.agreement! += agreement[index];
    }
  }
  return sums.filter(({ tokens }) => tokens > 0);
}
