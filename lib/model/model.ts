/** The two ends of the decoder, and the whole of it as one graph. */

import type { Value } from "../graph/graph.ts";
import { gatherRows, matmul } from "../graph/ops/matrix.ts";
import type { DecoderContext } from "./context.ts";
import { decoderLayer, rmsNorm } from "./layer.ts";

/** Token embeddings: i32 `[batch · sequence]` → `[batch · sequence, hidden]`. */
export function embedTokens(tokens: Value, { parameters }: DecoderContext): Value {
  return gatherRows(parameters("model.embed_tokens.weight"), tokens);
}

/** Logits of the next token: hidden states `[rows, hidden]` → `[rows, vocabulary]`. */
export function headLogits(hidden: Value, context: DecoderContext): Value {
  const head = context.parameters("lm_head.weight");
  return matmul(rmsNorm(hidden, "model.norm", context), head, { transposeSecond: true });
}

/** Embedding and all layers as one graph: i32 `[batch · sequence]` → `[batch · sequence, hidden]`. */
export function hiddenStates(tokens: Value, context: DecoderContext): Value {
  let hidden = embedTokens(tokens, context);
  for (let index = 0; index < context.config.layerCount; index++) {
    hidden = decoderLayer(hidden, index, context);
  }
  return hidden;
}

/** The whole model as one graph: i32 `[batch · sequence]` → logits `[batch · sequence, vocabulary]`. */
export function modelLogits(tokens: Value, context: DecoderContext): Value {
  return headLogits(hiddenStates(tokens, context), context);
}
