/** Perplexities that the study's own code computed, for comparison with ours. */

import assert from "node:assert/strict";
import type { WeightSource } from "../../lib/checkpoint/weights.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import type { TokenText } from "../../lib/evaluation/token_text.ts";
import { engine } from "../methods/oracle_pair.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { oracleJson, type OraclePair } from "../oracle.ts";

/** The texts of `ppl.json`. */
export const ORACLE_TEXTS = ["eval_64_32", "eval_1024_512", "eval_short"] as const;
export type OracleText = typeof ORACLE_TEXTS[number];

/** What `ppl.json` says of one text, by the name of the model or run. */
interface OraclePerplexities {
  readonly context_size: number;
  readonly window_size: number;
  readonly n_tokens: number;
  readonly ppl: Record<string, number>;
  readonly nlls: Record<string, number[]>;
}

const PERPLEXITY_BOUND = 1e-5;

/** Ids as one document, a byte each: the oracle has no text. */
export function textOfTokens(name: string, ids: readonly number[]): TokenText {
  return {
    name,
    tokens: Int32Array.from(ids),
    bytes: new Int32Array(ids.length).fill(1),
    documentOf: new Int32Array(ids.length),
    documents: [name],
  };
}

/** Scores models on one text of the oracle and holds each against its `ppl.json`. */
export class OraclePerplexity implements AsyncDisposable {
  readonly #evaluator: Evaluator;

  private constructor(
    evaluator: Evaluator,
    readonly text: TokenText,
    readonly expected: OraclePerplexities,
  ) {
    this.#evaluator = evaluator;
  }

  /** Prepares for models of a pair; `{ config }` is any of them. */
  static async open(
    pair: OraclePair,
    name: OracleText,
    { config }: Pick<WeightSource, "config">,
    on: Engine = engine,
  ): Promise<OraclePerplexity> {
    const ids = await oracleJson<Record<OracleText, number[]>>("ids.json");
    const expected =
      (await oracleJson<Record<OracleText, OraclePerplexities>>(pair, "ppl.json"))[name];
    const protocol = { context: expected.context_size, window: expected.window_size };
    const evaluator = new Evaluator(on, config, protocol);
    return new OraclePerplexity(evaluator, textOfTokens(name, ids[name]), expected);
  }

  /** Asserts perplexity and each window's NLL of the run called `run`. */
  async assertSame(model: WeightSource, run: string): Promise<void> {
    const { perplexity, windowNll, tokens } = await this.#evaluator.score(model, this.text);
    const { ppl: { [run]: expected }, nlls: { [run]: nlls }, window_size } = this.expected;
    const label = `${run} on ${this.text.name}`;
    assert.equal(tokens, nlls.length * window_size, label);
    assertWithin(
      relativeError([perplexity], [expected]),
      PERPLEXITY_BOUND,
      `perplexity of ${label}`,
    );
    assertWithin(relativeError(windowNll, nlls), PERPLEXITY_BOUND, `NLL of windows of ${label}`);
  }

  /** Frees the compiled graphs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#evaluator.release();
  }
}
