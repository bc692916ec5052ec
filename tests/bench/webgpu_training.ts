/**
 * Many training steps of a small model on the GPU: whether memory stays flat, and whether the loss is
 * still the CPU's at the end.
 */

import { torchAdamW } from "../../lib/training/adamw.ts";
import { type DecoderConfig, parseConfig } from "../../lib/checkpoint/config.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import {
  initialWeights,
  languageModelLoss,
  trainerSettings,
} from "../../lib/training/language_model.ts";
import { Trainer } from "../../lib/training/trainer.ts";
import { type Comparison, requireSame } from "./comparison.ts";

const STEPS = 2000;
/** Steps before memory is first looked at: pools and compiled kernels are made in these. */
const SETTLED = 200;

const settings = {
  batch: 2,
  sequence: 16,
  steps: STEPS,
  learningRate: 1e-3,
  warmUp: 20,
  clipNorm: 1,
  optimizer: { ...torchAdamW, weightDecay: 0 },
};

/** Megabytes by which the process grows, on the GPU and on the CPU. */
export async function compareTraining(engine: Engine): Promise<Comparison[]> {
  const ours = await train(engine);
  const peer = await train(onnxEngine());
  requireSame(`loss after ${STEPS} steps`, ours.loss, peer.loss, 1e-2);
  return [{
    what: `memory that ${STEPS - SETTLED} training steps add to the first ${SETTLED}`,
    unit: "MB",
    ours: ours.growth,
    peer: peer.growth,
    peerIs: "the CPU engine",
    better: "lower",
    bound: 50,
  }];
}

/** Mean loss of the last steps, and the growth of resident memory at its highest. */
async function train(engine: Engine): Promise<{ loss: number; growth: number }> {
  const config = smallConfig();
  const parameters = initialWeights(config, 1);
  const compiled = await languageModelLoss(engine, config, [...parameters.keys()], settings);
  const random = new SeededRandom(2);
  const batch = () => countingBatch(random, config.vocabularySize);
  const options = { ...trainerSettings(settings), run: "bench" };
  const trainer = new Trainer({ parameters, loss: compiled, batch, ...options });
  let [settled, highest, loss] = [0, 0, 0];
  for (let step = 1; step <= STEPS; step++) {
    const last = await trainer.step();
    if (step > STEPS - 100) loss += last / 100;
    const { rss } = Deno.memoryUsage();
    if (step === SETTLED) settled = rss;
    if (step > SETTLED) highest = Math.max(highest, rss);
  }
  await compiled.release();
  return { loss, growth: Math.max(0, highest - settled) / 1e6 };
}

/** Sequences that count from a random number, with random tokens among them that nothing foretells. */
function countingBatch(random: SeededRandom, vocabularySize: number) {
  const { batch, sequence } = settings;
  const tokens = new Int32Array(batch * sequence);
  const labels = new Int32Array(batch * sequence);
  for (let row = 0; row < batch; row++) {
    let token = random.integer(vocabularySize);
    for (let at = row * sequence; at < (row + 1) * sequence; at++) {
      tokens[at] = token;
      const jumps = random.uniform() < 0.2;
      token = jumps ? random.integer(vocabularySize) : (token + 1) % vocabularySize;
      labels[at] = token;
    }
  }
  return { tokens, labels };
}

function smallConfig(): DecoderConfig {
  return parseConfig({
    architectures: ["LlamaForCausalLM"],
    vocab_size: 32,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: settings.sequence,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: false,
    hidden_act: "silu",
  }, "the benchmark's model");
}
