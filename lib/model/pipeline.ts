/**
 * The decoder run layer by layer: one compiled layer serves all of them, and a layer's weights are
 * read once for all batches. So a checkpoint of any size needs the memory of one layer and of the
 * batches' hidden states. The whole model as one graph is `model.ts`.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { Watch } from "../util/progress.ts";
import type { Engine, Placed, Program } from "../graph/engine.ts";
import { input, type Numbers, topologicalOrder, type Value } from "../graph/graph.ts";
import { compressedInputs } from "./compressed_linear.ts";
import { type BatchShape, denseLinear, type Linear, parameterInputs } from "./context.ts";
import { decoderLayer } from "./layer.ts";
import { embedTokens } from "./model.ts";
import type { PlacedModel } from "./placed_model.ts";

/** One batch of token sequences of equal length. */
export interface TokenBatch {
  /** `[batch · sequence]` */
  readonly tokens: Int32Array;
  /** `[batch · sequence]`, 0 for padding; absent: no padding. */
  readonly attentionMask?: Int32Array;
}

/**
 * Sees the input of a linear layer for one batch, `[batch · sequence, in]`, where the engine computed
 * it; it is freed afterwards. Layers that read the same input are seen together.
 */
export type VisitInputs = (
  layers: string[],
  batch: number,
  inputs: Placed,
) => void | Promise<void>;

/** What of a pipeline is compiled beyond the plain forward pass. */
export interface PipelineOptions {
  /** Whether batches carry an `attentionMask`. */
  padded?: boolean;
  /** Whether `forward` shows the inputs of the linear layers. */
  observed?: boolean;
  /** Whether the models to be run are compressed ones, as their {@linkcode ModelTensors} say. */
  compressed?: boolean;
}

/** Options of a forward pass. */
export interface ForwardOptions extends Watch {
  visit?: VisitInputs;
}

/** A compiled part and the inputs that are weights. */
interface Part {
  readonly program: Program;
  readonly weights: readonly string[];
}

/** Embedding and layers, compiled for one architecture and one batch shape. */
export class DecoderPipeline {
  readonly #embedding: Part;
  readonly #layer: Part;
  /** Layers by the output of the layer program that holds their input, named without prefix. */
  readonly #observed: ReadonlyMap<string, string[]>;

  private constructor(
    embedding: Part,
    layer: Part,
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
    { padded = false, observed = false, compressed = false }: PipelineOptions = {},
  ): Promise<DecoderPipeline> {
    const rows = shape.batch * shape.sequence;
    const attentionMask = padded
      ? input("attentionMask", [shape.batch, shape.sequence], "i32")
      : undefined;
    const { parameters, linear: plain } = compressed
      ? compressedInputs(config)
      : denseInputs(config);
    const inputs = new Map<Value, string[]>();
    const linear: Linear = (x, layer) => {
      inputs.set(x, [...inputs.get(x) ?? [], withoutPrefix(layer)]);
      return plain(x, layer);
    };
    const context = { config, shape, parameters, linear, attentionMask };
    const tokens = input("tokens", [rows], "i32");
    const hidden = input("hidden", [rows, config.hiddenSize]);
    const output = decoderLayer(hidden, 0, context);
    const shown = observed ? [...inputs] : [];
    const named = shown.map(([value, layers]) => [layers.join("+"), value] as const);
    const embedding = await part(engine, { output: embedTokens(tokens, context) });
    const layer = await part(engine, { output, ...Object.fromEntries(named) });
    const observedNames = new Map(shown.map(([, layers]) => [layers.join("+"), layers]));
    return new DecoderPipeline(embedding, layer, observedNames, config, shape);
  }

  /**
   * Hidden states after the last layer, `[batch · sequence, hidden]` for each batch, which the caller
   * releases. Every tensor is read once, in the order of the layers.
   *
   * @throws {GraphError} if a batch is of another shape, or lacks an `attentionMask` where one is needed.
   */
  async forward(
    model: PlacedModel,
    batches: readonly TokenBatch[],
    { visit, onProgress, signal }: ForwardOptions = {},
  ): Promise<Placed[]> {
    const states: Placed[] = [];
    try {
      await this.#embed(model, batches, states);
      for (let index = 0; index < this.config.layerCount; index++) {
        using weights = await model.layer(this.#layer.weights, index);
        for (const [batch, { attentionMask }] of batches.entries()) {
          signal?.throwIfAborted();
          const mask: Record<string, Numbers> = attentionMask ? { attentionMask } : {};
          const feeds = { ...weights.feeds, ...mask, hidden: states[batch] };
          const { output, ...shown } = await this.#layer.program.keep(feeds);
          states[batch].release();
          states[batch] = output;
          await this.#show(shown, index, batch, visit);
          const done = index * batches.length + batch + 1;
          const total = this.config.layerCount * batches.length;
          onProgress?.({ done, total, label: model.tensors.name });
        }
      }
      return states;
    } catch (error) {
      states.forEach((each) => each.release());
      throw error;
    }
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    await this.#embedding.program.release();
    await this.#layer.program.release();
  }

  /** Adds the embedding of each batch to `states`; the table of embeddings is not needed after that. */
  async #embed(
    model: PlacedModel,
    batches: readonly TokenBatch[],
    states: Placed[],
  ): Promise<void> {
    using table = await model.layer(this.#embedding.weights, 0);
    for (const { tokens } of batches) {
      const { output } = await this.#embedding.program.keep({ ...table.feeds, tokens });
      states.push(output);
    }
  }

  async #show(
    shown: Readonly<Record<string, Placed>>,
    index: number,
    batch: number,
    visit?: VisitInputs,
  ): Promise<void> {
    try {
      for (const [name, layers] of visit ? this.#observed : []) {
        const full = layers.map((layer) => `model.layers.${index}.${layer}`);
        await visit!(full, batch, shown[name]);
      }
    } finally {
      Object.values(shown).forEach((each) => each.release());
    }
  }
}

function denseInputs(config: DecoderConfig) {
  const parameters = parameterInputs(config);
  return { parameters, linear: denseLinear(parameters) };
}

async function part(engine: Engine, outputs: Record<string, Value>): Promise<Part> {
  return { program: await engine.compile(outputs), weights: weightInputs(outputs) };
}

/** The names of a graph's inputs that are weights, masks or scales of a model. */
export function weightInputs(outputs: Readonly<Record<string, Value>>): string[] {
  const names = topologicalOrder(Object.values(outputs)).flatMap(({ name }) => name ?? []);
  return [...new Set(names)].filter((name) => /^(model|lm_head)\./.test(name));
}

function withoutPrefix(layer: string): string {
  return layer.split(".").slice(3).join(".");
}
