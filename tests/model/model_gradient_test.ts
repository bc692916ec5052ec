/** The gradient of the whole decoder's loss, against finite differences of plain float64 loops. */

import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { modelLogits } from "../../lib/model/llama.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input } from "../../lib/graph/graph.ts";
import { crossEntropy } from "../../lib/graph/ops/likelihood.ts";
import { mean } from "../../lib/graph/ops/elementwise.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { architectures } from "./architecture_cases.ts";
import { denseContext } from "./decoder_programs.ts";
import { finiteDifferences } from "../graph/finite_difference.ts";
import { decoderLogits } from "./plain/decoder.ts";
import { mean as plainMean } from "../graph/plain/elementwise.ts";
import { crossEntropy as plainCrossEntropy } from "../graph/plain/likelihood.ts";
import {
  plainWeights,
  type RandomModel,
  randomModel,
  randomTokens,
  tinyConfig,
} from "./random_model.ts";

const shape = { batch: 2, sequence: 7 };
const ROWS = shape.batch * shape.sequence;
const ENTRIES_OF_A_TENSOR = 8;
const BOUND = 1e-4;

/** Biases, windows by layer, norms of queries and keys; positions that are scaled and lengthened. */
const biased = architectures["biases and windows by layer"];
const normed = architectures["norms, biases and yarn"];
const tied = { ...tinyConfig, tiedEmbeddings: true, slidingWindow: null };
const configs: Record<string, [config: DecoderConfig, attentionMask?: Int32Array]> = {
  "grouped queries and a sliding window": [tinyConfig],
  "tied embeddings": [tied],
  "biases and windows by layer": [biased],
  "norms, biases and yarn": [normed],
  // The last two queries of the first sequence see no real key, nor do the first two of the second.
  "padding": [tinyConfig, Int32Array.of(1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1)],
};

for (const [name, [config, attentionMask]] of Object.entries(configs)) {
  Deno.test(`the gradient of a decoder with ${name} is that of finite differences`, async () => {
    const model = randomModel(config, 11);
    const tokens = randomTokens(config, ROWS, 12);
    const labels = randomTokens(config, ROWS, 13);
    const { loss, gradients } = await lossAndGradients(model, tokens, labels, attentionMask);

    const weights = plainWeights(model);
    const mask = { attentionMask: attentionMask && Float64Array.from(attentionMask), scores: [] };
    // Derivatives start from the scores of the weights as they are.
    decoderLogits(config, weights, Float64Array.from(tokens), shape, mask);
    const plainLoss = (tensor: string, moved: Float64Array) => {
      const changed = { ...weights, [tensor]: moved };
      const logits = decoderLogits(config, changed, Float64Array.from(tokens), shape, mask);
      return plainMean(plainCrossEntropy(logits, labels))[0];
    };
    const random = new SeededRandom(14);
    for (const [tensor, values] of Object.entries(weights)) {
      assertWithin(Math.abs(loss - plainLoss(tensor, values)), 1e-5, "loss");
      const entries = random.shuffle([...values.keys()]).slice(0, ENTRIES_OF_A_TENSOR);
      const expected = finiteDifferences((moved) => plainLoss(tensor, moved), values, entries);
      const found = entries.map((entry) => gradients[tensor][entry]);
      assertWithin(relativeError(found, expected), BOUND, tensor);
    }
  });
}

/** Mean cross entropy and its gradient with respect to every tensor, by the graph. */
async function lossAndGradients(
  model: RandomModel,
  tokens: Int32Array,
  labels: Int32Array,
  attentionMask?: Int32Array,
) {
  const context = denseContext(model, shape, attentionMask !== undefined);
  const logits = modelLogits(input("tokens", [ROWS], "i32"), context);
  const loss = mean(crossEntropy(logits, input("labels", [ROWS], "i32")));
  const names = [...model.tensors.keys()];
  const gradients = gradient(loss, names.map(context.parameters));
  const byName = Object.fromEntries(names.map((name, index) => [name, gradients[index]]));
  const program = await onnxEngine({ threads: 1 }).compile({ loss, ...byName });
  const feeds = { ...Object.fromEntries(model.tensors), tokens, labels };
  const results = await program.run(attentionMask ? { ...feeds, attentionMask } : feeds);
  await program.release();
  const { loss: value, ...rest } = results;
  return { loss: value[0], gradients: rest };
}
