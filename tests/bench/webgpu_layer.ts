/** Device memory of one decoder layer of Llama-2-7B's shape with a delta, while it runs. */

import { elementCount } from "../../lib/checkpoint/tensor.ts";
import { type DecoderConfig, parseConfig } from "../../lib/checkpoint/config.ts";
import type { Feed, Placed } from "../../lib/graph/engine.ts";
import { linearLayerNames, linearShape } from "../../lib/checkpoint/weights.ts";
import type { LayerForm } from "../../lib/codecs/codec.ts";
import { scalarSigns } from "../../lib/codecs/signs.ts";
import { modelInputs } from "../../lib/model/linear.ts";
import { decoderLayer } from "../../lib/model/llama.ts";
import { input, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import type { Comparison } from "./comparison.ts";
import { randomMatrix } from "./random_matrix.ts";

const TOKENS = 32;

/** Megabytes that are allocated at most, against those of the base's layer in bfloat16. */
export async function compareLayerMemory(engine: WebGpuEngine): Promise<Comparison[]> {
  const config = llama();
  const layers = linearLayerNames(config).map((name): [string, LayerForm] => [
    name,
    { shape: linearShape(config, name), role: "delta", terms: [scalarSigns] },
  ]);
  const { parameters, linear } = modelInputs(config, new Map(layers));
  const shape = { batch: 1, sequence: TOKENS };
  const x = input("x", [TOKENS, config.hiddenSize]);
  const y = decoderLayer(x, 0, { config, shape, parameters, linear });
  const program = await engine.compile({ y });

  const { device } = engine;
  const before = device.allocatedBytes;
  const feeds: Record<string, Feed> = { x: randomMatrix(TOKENS, config.hiddenSize, 1, 1) };
  const weights: Placed[] = [];
  let baseBytes = 0;
  for (const value of topologicalOrder([y]).filter(({ name }) => name !== null && name !== "x")) {
    const placed = await engine.place(numbersFor(value));
    weights.push(placed);
    feeds[value.name!] = placed;
    if (value.name!.endsWith(".weight")) baseBytes += placed.byteLength;
  }
  const run = async () => (await program.keep(feeds)).y.release();
  // What tiles are measured with is freed again; the second run needs only what each later one does.
  await run();
  device.peakBytes = device.allocatedBytes;
  await run();
  const bytes = device.peakBytes - before;
  for (const each of weights) each.release();
  await program.release();
  return [{
    what: `device memory of a decoder layer with delta, ${TOKENS} tokens`,
    unit: "MB",
    ours: bytes / 1e6,
    peer: baseBytes / 1e6,
    peerIs: "the base's layer in bfloat16",
    better: "lower",
    bound: null,
    timesPeer: 1.1,
  }];
}

/** Some numbers of the shape that an input has: signs, a scale, or a weight in bfloat16. */
function numbersFor({ name, shape, type }: Value) {
  const count = elementCount(shape);
  if (type === "i32") return new Int32Array(count).map((_, index) => Math.imul(index, 0x9e3779b1));
  if (name!.endsWith(".coeff")) return Float32Array.of(1e-3);
  // 2⁻⁶ and −2⁻⁶ in turns.
  const halves = new Uint16Array(count).map((_, index) => index % 2 ? 0x3c80 : 0xbc80);
  return { dtype: "BF16" as const, shape, bytes: new Uint8Array(halves.buffer) };
}

function llama(): DecoderConfig {
  return parseConfig({
    architectures: ["LlamaForCausalLM"],
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: 11_008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: false,
    hidden_act: "silu",
  }, "Llama-2-7B's shape");
}
