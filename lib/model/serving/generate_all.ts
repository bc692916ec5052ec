/** Several texts that a model goes on with, together: as many at once as it has rows and room for. */

import type { BatchModel, Sequence } from "./batch_model.ts";
import { Continuation, type GeneratedToken } from "./continuation.ts";
import { type GenerationRequest, prefillAll } from "./generate.ts";

/** A text that is whole. */
export interface GeneratedText {
  /** Its text, without what was asked. */
  readonly text: string;
  /** Its tokens, a stop token among them. */
  readonly tokens: readonly GeneratedToken[];
  /** Why it ended. */
  readonly reason: "stop" | "length";
}

/** One that is on its way. */
interface Running {
  readonly index: number;
  readonly sequence: Sequence;
  readonly answer: Continuation;
  readonly tokens: GeneratedToken[];
}

/**
 * Goes on with each text; what one gives does not depend on the others.
 *
 * @returns texts in the order of the requests.
 * @throws as {@linkcode generate}.
 *
 * @example
 * ```ts
 * import {
 *   Checkpoint,
 *   completeSampling,
 *   generateAll,
 *   onnxEngine,
 *   projectPath,
 *   TenantModel,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * await using model = await TenantModel.open(onnxEngine(), base, { longest: 64 });
 * const { decoder } = await base.tokenizer();
 * const sampling = completeSampling({ temperature: 0 }, base.config.vocabularySize);
 * const stops = { strings: [], tokens: [] };
 * const prompts = [[1, 7, 8], [1, 9]];
 * const texts = await generateAll(
 *   model,
 *   prompts.map((ids) => (
 *     { prompt: Int32Array.from(ids), sampling, stops, mostTokens: 4, decoder }
 *   )),
 * );
 * assert.deepEqual(texts.map(({ tokens }) => tokens.length), [4, 4]);
 * ```
 */
export async function generateAll(
  model: BatchModel,
  requests: readonly GenerationRequest[],
): Promise<GeneratedText[]> {
  const texts: GeneratedText[] = [];
  const answers = requests.map((request) => new Continuation(request));
  let running: Running[] = [];
  let next = 0;
  /** Notes the next token of an answer, and whether it goes on. */
  const take = (each: Running, logits: Float32Array) => {
    each.tokens.push(each.answer.next(logits));
    const { end } = each.answer;
    if (!end) return true;
    each.sequence.release();
    const text = each.tokens.map(({ text }) => text).join("") + end.text;
    texts[each.index] = { text, tokens: each.tokens, reason: end.reason };
    return false;
  };
  try {
    while (next < requests.length || running.length > 0) {
      while (next < requests.length && running.length < model.mostRows) {
        const { tenant = null, prompt, mostTokens, signal } = requests[next];
        const tokens = prompt.length + mostTokens - 1;
        if (running.length > 0 && tokens > model.freeTokens) break;
        const sequence = model.start(tenant, tokens, prompt.length);
        const each = { index: next, sequence, answer: answers[next++], tokens: [] };
        running.push(each);
        const logits = await prefillAll(model, sequence, prompt, signal);
        if (!take(each, logits)) running.pop();
      }
      if (running.length === 0) continue;
      for (const { index } of running) requests[index].signal?.throwIfAborted();
      const logits = await model.decode(running.map(({ sequence, tokens }) => (
        { sequence, token: tokens.at(-1)!.token }
      )));
      running = running.filter((each, row) => take(each, logits[row]));
    }
    return texts;
  } finally {
    for (const { sequence } of running) sequence.release();
  }
}
