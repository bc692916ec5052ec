/** The sliding windows of the study's perplexity: much context, few scored tokens. */

import { OptionError, TextError } from "../util/errors.ts";

/** Sizes of a sliding window, in tokens. */
export interface WindowProtocol {
  /** Tokens before the scored ones; a multiple of `window`, so that no token is scored twice. */
  readonly context: number;
  /** Scored tokens of a window, and the step from one window to the next. */
  readonly window: number;
}

/** One window of a text: tokens `begin` to `end`, of which the last `scored` are scored. */
export interface ScoredWindow {
  /** Index of its first token. */
  readonly begin: number;
  /** Index after its last. */
  readonly end: number;
  /** Tokens at its end that are scored. */
  readonly scored: number;
}

/**
 * Windows of context + window tokens at every multiple of `window`, until one reaches the end of the
 * text cut to a multiple of `window`; so the first `context` tokens are never scored. A text shorter
 * than a window gives one window of all of it (the study's `eval_ppl.py`). Without context a window's
 * first token is not scored either.
 *
 * @param name of the text, for the error.
 * @throws {OptionError} if the sizes are not whole numbers, `context` is no multiple of `window`, or
 * there is neither context nor a second token.
 * @throws {TextError} if the text has fewer tokens than are scored at once, and one to predict from.
 */
export function slidingWindows(
  tokenCount: number,
  { context, window }: WindowProtocol,
  name: string,
): ScoredWindow[] {
  if (!Number.isInteger(window) || window < 1 || context < 0 || context % window !== 0) {
    throw new OptionError({
      problem: "windows do not tile a text",
      value: `context ${context}, window ${window}`,
      expected: "a window of 1 token or more, and a context that is a multiple of it",
    });
  }
  if (context + window < 2) {
    throw new OptionError({
      problem:
        "windows score nothing: a window's first token has none before it to be predicted from",
      value: `context ${context}, window ${window}`,
      expected: "a window of 2 tokens or more where there is no context",
    });
  }
  if (tokenCount <= window) {
    throw new TextError({
      problem: "is too short to score",
      file: name,
      value: `${tokenCount} tokens`,
      expected: `more than ${window}, the tokens that one window scores`,
    });
  }
  const usable = tokenCount - tokenCount % window;
  const windows: ScoredWindow[] = [];
  for (let begin = 0; begin < usable; begin += window) {
    const end = Math.min(begin + context + window, tokenCount);
    windows.push({ begin, end, scored: Math.min(window, end - begin - 1) });
    if (begin + context + window >= usable) break;
  }
  return windows;
}
