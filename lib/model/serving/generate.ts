/** One text that a model goes on with, token by token. Not here: many that share its steps (`generate_all.ts`). */

import type { BatchModel, Sequence } from "./batch_model.ts";
import {
  type AnswerEnd,
  Continuation,
  type ContinuationRequest,
  type GeneratedToken,
} from "./continuation.ts";

/** A text to go on with. */
export interface GenerationRequest extends ContinuationRequest {
  /** Whose model goes on; `null`, and where it is left out: the base as it is. */
  readonly tenant?: string | null;
  /** Ends it before its next token. */
  readonly signal?: AbortSignal;
}

/** A token, or the end, which comes last. */
export type GenerationEvent =
  | { readonly kind: "token" } & GeneratedToken
  | { readonly kind: "end" } & AnswerEnd;

/**
 * Goes on with a text until it ends. Leaving the loop frees its keys and values.
 *
 * @throws {OptionError} if the request is none.
 * @throws {ServingError} if there is no such tenant, no room, or more tokens are asked for than a sequence has.
 * @throws the signal's reason.
 *
 * @example
 * ```ts
 * import {
 *   Checkpoint,
 *   completeSampling,
 *   generate,
 *   onnxEngine,
 *   projectPath,
 *   TenantModel,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * await using model = await TenantModel.open(onnxEngine(), base, { longest: 64 });
 * const { decoder, ...tokenizer } = await base.tokenizer();
 * const events = generate(model, {
 *   prompt: Int32Array.of(tokenizer.bosToken!),
 *   sampling: completeSampling({ temperature: 0 }, base.config.vocabularySize),
 *   stops: { strings: [], tokens: [] },
 *   mostTokens: 5,
 *   decoder,
 * });
 * const kinds = await Array.fromAsync(events, ({ kind }) => kind);
 * assert.deepEqual(kinds, ["token", "token", "token", "token", "token", "end"]);
 * ```
 */
export async function* generate(
  model: BatchModel,
  request: GenerationRequest,
): AsyncGenerator<GenerationEvent, void, void> {
  const { prompt, mostTokens, tenant = null, signal } = request;
  const answer = new Continuation(request);
  // The last token is not run.
  const sequence = model.start(tenant, prompt.length + mostTokens - 1, prompt.length);
  try {
    let logits = await prefillAll(model, sequence, prompt, signal);
    while (true) {
      const token = answer.next(logits);
      yield { kind: "token", ...token };
      if (answer.end) break;
      signal?.throwIfAborted();
      [logits] = await model.decode([{ sequence, token: token.token }]);
    }
    yield { kind: "end", ...answer.end };
  } finally {
    sequence.release();
  }
}

/** Runs a whole prompt, chunk by chunk; returns the logits after its last token. */
export async function prefillAll(
  model: BatchModel,
  sequence: Sequence,
  prompt: Int32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  let logits: Float32Array | null = null;
  for (let begin = 0; begin < prompt.length; begin += model.chunk) {
    signal?.throwIfAborted();
    const end = begin + model.chunk;
    logits = await model.prefill(sequence, prompt.slice(begin, end), end >= prompt.length);
  }
  return logits!;
}
