/**
 * The forward pass of an embedded pair's model layer by layer, as evaluation and calibration run it,
 * against the whole model as one graph. The weights are random: only their shapes count.
 */

import type { WeightSource } from "../../lib/checkpoint/weights.ts";
import { denseLinear, parameterInputs } from "../../lib/model/linear.ts";
import { hiddenStates } from "../../lib/model/llama.ts";
import { modelTensors } from "../../lib/model/model_tensors.ts";
import { DecoderPipeline } from "../../lib/model/pipeline.ts";
import { PlacedModel } from "../../lib/model/placed_model.ts";
import { input } from "../../lib/graph/graph.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { initialWeights } from "../../lib/training/language_model.ts";
import { recipes } from "../../lib/studies/embedded_pairs/recipes.ts";
import { type Comparison, fastest, requireSame } from "./comparison.ts";

/** Sequences and tokens of each: a batch of the embedded protocol's windows. */
const SHAPE = { batch: 8, sequence: 384 };
const THREADS = 2;

/** Tokens a second up to the last hidden states. */
export async function compareForward(): Promise<Comparison[]> {
  const engine = onnxEngine({ threads: THREADS });
  const { config, name } = recipes[0];
  const weights = initialWeights(config, 5);
  const random = new SeededRandom(6);
  const rows = SHAPE.batch * SHAPE.sequence;
  const tokens = Int32Array.from({ length: rows }, () => random.integer(config.vocabularySize));

  const source: WeightSource = {
    config,
    name,
    has: (tensor) => weights.has(tensor),
    readFloat32: (tensor) => Promise.resolve(weights.get(tensor)!),
  };
  const pipeline = await DecoderPipeline.compile(engine, config, SHAPE);
  const placed = new PlacedModel(engine, modelTensors(source, engine));
  const layerwise = async () => {
    const [numbers] = await engine.read(await pipeline.forward(placed, [{ tokens }]));
    return numbers as Float32Array;
  };

  const parameters = parameterInputs(config);
  const context = { config, shape: SHAPE, parameters, linear: denseLinear(parameters) };
  const hidden = hiddenStates(input("tokens", [rows], "i32"), context);
  const model = await engine.compile({ hidden });
  const feeds = { ...Object.fromEntries(weights), tokens };
  const whole = async () => (await model.run(feeds)).hidden as Float32Array;

  requireSame("forward pass", norm(await layerwise()), norm(await whole()), 1e-5);
  const comparison: Comparison = {
    what: `forward pass, ${name}'s shape, ${SHAPE.batch} × ${SHAPE.sequence}, ${THREADS} cores`,
    unit: "tokens/s",
    ours: rows / await fastest(5, layerwise),
    peer: rows / await fastest(5, whole),
    peerIs: "the whole model as one graph",
    better: "higher",
    bound: null,
  };
  await pipeline.release();
  await model.release();
  return [comparison];
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((total, value) => total + value * value, 0));
}
