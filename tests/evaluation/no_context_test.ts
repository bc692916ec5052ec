/**
 * Windows without context, each a text of its own of which all but the first token is scored: against
 * the plain decoder run on pieces cut here, not by the code under test.
 */

import assert from "node:assert/strict";
import { OptionError } from "../../lib/util/errors.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import { slidingWindows } from "../../lib/evaluation/windows.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { engine } from "../methods/oracle_pair.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { decoderLogits } from "../model/plain/decoder.ts";
import { crossEntropy } from "../graph/plain/likelihood.ts";
import { randomModel, randomTokens, tinyConfig } from "../model/random_model.ts";
import { textOfTokens } from "./oracle_perplexity.ts";

const model = randomModel(tinyConfig, 5);

/** Mean NLL of the tokens of a piece that have a token before them. */
function pieceNll(tokens: number[]): number {
  const weights = Object.fromEntries(
    [...model.tensors].map(([name, values]) => [name, Float64Array.from(values)]),
  );
  const shape = { batch: 1, sequence: tokens.length };
  const logits = decoderLogits(tinyConfig, weights, Float64Array.from(tokens), shape);
  const predicting = logits.subarray(0, (tokens.length - 1) * tinyConfig.vocabularySize);
  const nll = crossEntropy(predicting, tokens.slice(1));
  return nll.reduce((sum, each) => sum + each, 0) / nll.length;
}

// More pieces than a batch takes; a tail that fills no window is left out.
for (const { window, count } of [{ window: 6, count: 64 }, { window: 2, count: 7 }]) {
  Deno.test(`without context, windows of ${window} of ${count} tokens are texts of their own`, async () => {
    const ids = [...randomTokens(tinyConfig, count, 8)];
    const pieces = Array.from(
      { length: Math.floor(count / window) },
      (_, index) => ids.slice(index * window, (index + 1) * window),
    );
    const expected = pieces.map(pieceNll);
    const evaluator = new Evaluator(engine, tinyConfig, { context: 0, window });
    const reports: Progress[] = [];
    const watch = { onProgress: (report: Progress) => reports.push(report) };
    const text = textOfTokens("pieces", ids);
    const found = await evaluator.score(model, text, undefined, watch);
    await evaluator.release();

    assertWithin(relativeError(found.windowNll, expected), 1e-5, "NLL of windows");
    const mean = expected.reduce((sum, each) => sum + each, 0) / expected.length;
    assertWithin(relativeError([found.perplexity], [Math.exp(mean)]), 1e-5, "perplexity");
    assert.equal(found.tokens, pieces.length * (window - 1));

    // Progress counts windows, never goes back, and ends with the last of them and not before.
    assert.ok(reports.every(({ total }) => total === pieces.length));
    const done = reports.map((report) => report.done);
    assert.deepEqual(done, done.toSorted((a, b) => a - b));
    assert.equal(done.indexOf(pieces.length), done.length - 1);
  });
}

Deno.test("windows of one token without context score nothing and are refused", () => {
  assert.throws(
    () => slidingWindows(100, { context: 0, window: 1 }, "text"),
    (error) =>
      error instanceof OptionError &&
      error.message ===
        "windows score nothing: a window's first token has none before it to be predicted from: " +
          "got 'context 0, window 1'; expected a window of 2 tokens or more where there is no context",
  );
  // With context its one token is predicted.
  assert.equal(slidingWindows(100, { context: 1, window: 1 }, "text").length, 99);
});
