/**
 * The decoder run layer by layer: one compiled layer serves all of them, and a layer's weights are
 * read once for all batches. So a checkpoint of any size needs the memory of one layer and of the
 * batches' hidden states. The whole model as one graph is `model.ts`.
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { tensorNames, type WeightSource } from "../../checkpoint/weights.ts";
import type { Watch } from "../../progress.ts";
import type { Engine, Program } from "../engine.ts";
import { input, type Numbers, type Value } from "../graph.ts";
import { type BatchShape, denseLinear, type Linear, parameterInputs } from "./context.ts";
import { decoderLayer } from "./layer.ts";
import { embedTokens } from "./model.ts";

/** One batch of token sequences of equal length. */
export interface TokenBatch {
  /** `[batch · sequence]` */
  readonly tokens: Int32Array;
  /** `[batch · sequence]`, 0 for padding; absent: no padding. */
  readonly keyMask?: Int32Array;
}

/**
 * Sees the input of a linear layer for one batch, `[batch · sequence, in]`, in the engine's memory:
 * copy what is to be kept. Layers that read the same input are seen together.
 */
export type VisitInputs = (
  layers: string[],
  batch: number,
  inputs: Float32Array,
) => void | Promise<void>;

/** What of a pipeline is compiled beyond the plain forward pass. */
export interface PipelineOptions {
  /** Whether batches carry a `keyMask`. */
  masked?: boolean;
  /** Whether `forward` shows the inputs of the linear layers. */
  observed?: boolean;
}

/** Options of a forward pass. */
export interface ForwardOptions extends Watch {
  visit?: VisitInputs;
}

/** Embedding and layers, compiled for one architecture and one batch shape. */
export class DecoderPipeline {
  readonly #embedding: Program;
  readonly #layer: Program;
  /** Layers by the output of the layer program that holds their input, named without prefix. */
  readonly #observed: ReadonlyMap<string, string[]>;

  private constructor(
    embedding: Program,
    layer: Program,
    observed: ReadonlyMap<string, string[]>,
    readonly config: DecoderConfig,
    readonly shape: BatchShape,
  ) {
    this.#embedding = embedding;
    this.#layer = layer;
    this.#observed = observed;
  }

  /** Compiles the embedding and one layer. */
  static async compile(
    engine: Engine,
    config: DecoderConfig,
    shape: BatchShape,
    { masked = false, observed = false }: PipelineOptions = {},
  ): Promise<DecoderPipeline> {
    const parameters = parameterInputs(config);
    const rows = shape.batch * shape.sequence;
    const keyMask = masked ? input("keyMask", [shape.batch, shape.sequence], "i32") : undefined;
    const inputs = new Map<Value, string[]>();
    const dense = denseLinear(parameters);
    const linear: Linear = (x, layer) => {
      inputs.set(x, [...inputs.get(x) ?? [], withoutPrefix(layer)]);
      return dense(x, layer);
    };
    const context = { config, shape, parameters, linear, keyMask };
    const tokens = input("tokens", [rows], "i32");
    const hidden = input("hidden", [rows, config.hiddenSize]);
    const output = decoderLayer(hidden, 0, context);
    const shown = observed ? [...inputs] : [];
    const named = shown.map(([value, layers]) => [layers.join("+"), value] as const);
    const embedding = await engine.compile({ output: embedTokens(tokens, context) });
    const layer = await engine.compile({ output, ...Object.fromEntries(named) });
    const observedNames = new Map(shown.map(([, layers]) => [layers.join("+"), layers]));
    return new DecoderPipeline(embedding, layer, observedNames, config, shape);
  }

  /**
   * Hidden states after the last layer, `[batch · sequence, hidden]` for each batch. Every tensor of
   * `weights` is read once, in the order of the layers.
   *
   * @throws {GraphError} if a batch is of another shape, or lacks a `keyMask` where one is needed.
   */
  async forward(
    weights: WeightSource,
    batches: readonly TokenBatch[],
    { visit, onProgress, signal }: ForwardOptions = {},
  ): Promise<Float32Array[]> {
    const table = await weights.readFloat32("model.embed_tokens.weight");
    const states: Float32Array[] = [];
    for (const { tokens } of batches) {
      const { output } = await this.#embedding.run({ "model.embed_tokens.weight": table, tokens });
      states.push(Float32Array.from(output));
    }
    for (let index = 0; index < this.config.layerCount; index++) {
      const feeds = await layerFeeds(weights, this.config, index);
      for (const [batch, { keyMask }] of batches.entries()) {
        signal?.throwIfAborted();
        const masks: Record<string, Numbers> = keyMask ? { keyMask } : {};
        const results = await this.#layer.run({ ...feeds, ...masks, hidden: states[batch] });
        states[batch].set(results.output as Float32Array);
        for (const [name, layers] of visit ? this.#observed : []) {
          const full = layers.map((layer) => `model.layers.${index}.${layer}`);
          await visit!(full, batch, results[name] as Float32Array);
        }
      }
      onProgress?.({ done: index + 1, total: this.config.layerCount, label: weights.name });
    }
    return states;
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    await this.#embedding.release();
    await this.#layer.release();
  }
}

/** The weights of layer `index`, under the names of layer 0 that the compiled graph knows. */
async function layerFeeds(
  weights: WeightSource,
  config: DecoderConfig,
  index: number,
): Promise<Record<string, Numbers>> {
  const feeds: Record<string, Numbers> = {};
  for (const name of tensorNames(config)) {
    if (!name.startsWith("model.layers.0.")) continue;
    feeds[name] = await weights.readFloat32(name.replace(".0.", `.${index}.`));
  }
  return feeds;
}

function withoutPrefix(layer: string): string {
  return layer.split(".").slice(3).join(".");
}
