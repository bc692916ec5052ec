/**
 * The decoder run layer by layer: one compiled layer serves all that are alike, and a layer's
 * weights are read once for all batches. So a checkpoint of any size needs the memory of one layer and of
 * the batches' hidden states. The whole model as one graph is `llama.ts`.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { nameInLayer } from "../checkpoint/weights.ts";
import type { Watch } from "../util/progress.ts";
import type { Engine, Placed, Program } from "../graph/engine.ts";
import { input, type Numbers, topologicalOrder, type Value } from "../graph/graph.ts";
import { type LayerForms, layerKinds, modelInputs } from "./linear.ts";
import { type BatchShape, decoderLayer, embedTokens, type Linear } from "./llama.ts";
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
  /**
   * Whether `forward` shows the inputs of the linear layers; `"alone"`: what follows the last of them is not
   * computed, and there are no states in the end.
   */
  observed?: boolean | "alone";
  /** How the models to be run are stored, as their {@linkcode ModelTensors} say; default: dense. */
  layers?: LayerForms | null;
}

/** States before a decoder layer, `[batch · sequence, hidden]` for each batch. */
export interface LayerBorder {
  /** The decoder layer that reads them. */
  readonly next: number;
  readonly states: readonly Placed[];
}

/** Options of a forward pass. */
export interface ForwardOptions extends Watch {
  visit?: VisitInputs;
  /** Where an earlier pass over the batches had come; this one goes on from there and releases the states. */
  from?: LayerBorder | null;
  /** Is shown the states between two layers, of all batches; they are the pass's own. */
  between?: (border: LayerBorder) => Promise<void>;
}

/** A compiled part and the inputs that are weights. */
interface Part {
  readonly program: Program;
  readonly weights: readonly string[];
}

/** Embedding and layers, compiled for one architecture and one batch shape. */
export class DecoderPipeline {
  readonly #embedding: Part;
  /** The graph of each decoder layer, shared by those that are stored alike. */
  readonly #layers: readonly Part[];
  /** Layers by the output of the layer program that holds their input, as layer 0 calls them. */
  readonly #observed: ReadonlyMap<string, string[]>;
  /** Whether the last layer's graph goes on to its output. */
  readonly #hasStates: boolean;

  private constructor(
    embedding: Part,
    layers: readonly Part[],
    observed: ReadonlyMap<string, string[]>,
    hasStates: boolean,
    readonly config: DecoderConfig,
    readonly shape: BatchShape,
  ) {
    this.#embedding = embedding;
    this.#layers = layers;
    this.#observed = observed;
    this.#hasStates = hasStates;
  }

  /** Compiles the embedding, and one layer of each kind. */
  static async compile(
    engine: Engine,
    config: DecoderConfig,
    shape: BatchShape,
    { padded = false, observed = false, layers = null }: PipelineOptions = {},
  ): Promise<DecoderPipeline> {
    const rows = shape.batch * shape.sequence;
    const attentionMask = padded
      ? input("attentionMask", [shape.batch, shape.sequence], "i32")
      : undefined;
    const hidden = input("hidden", [rows, config.hiddenSize]);
    const { kinds, kindOf } = layerKinds(config, layers);
    const isAlone = observed === "alone";
    const beforeLast = isAlone ? kindOf.slice(0, -1) : kindOf;
    const parts = new Map<number, Part>();
    const last: Part[] = [];
    const seen = new Map<Value, string[]>();
    for (const [kind, { forms, config: ofKind }] of kinds.entries()) {
      const { parameters, linear: plain } = modelInputs(config, forms);
      seen.clear();
      const linear: Linear = (x, layer) => {
        seen.set(x, [...seen.get(x) ?? [], layer]);
        return plain(x, layer);
      };
      const context = { config: ofKind, shape, parameters, linear, attentionMask };
      const output = decoderLayer(hidden, 0, context);
      const shown = [...observed ? seen : []].map(([value, of]) => [of.join("+"), value] as const);
      const inputs = Object.fromEntries(shown);
      if (beforeLast.includes(kind)) parts.set(kind, await part(engine, { output, ...inputs }));
      if (isAlone && kind === kindOf.at(-1)) last.push(await part(engine, inputs));
    }
    const tokens = input("tokens", [rows], "i32");
    const context = { config, shape, ...modelInputs(config, null) };
    const embedding = await part(engine, { output: embedTokens(tokens, context) });
    const groups = [...observed ? seen.values() : []].map((of) => [of.join("+"), of] as const);
    const ofLayers = [...beforeLast.map((kind) => parts.get(kind)!), ...last];
    return new DecoderPipeline(embedding, ofLayers, new Map(groups), !isAlone, config, shape);
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
    { visit, from, between, onProgress, signal }: ForwardOptions = {},
  ): Promise<Placed[]> {
    const states: Placed[] = [...from?.states ?? []];
    const first = from?.next ?? 0;
    try {
      if (!from) await this.#embed(model, batches, states);
      for (let index = first; index < this.config.layerCount; index++) {
        const { program, weights: inputs } = this.#layers[index];
        using weights = await model.layer(inputs, index);
        for (const [batch, { attentionMask }] of batches.entries()) {
          signal?.throwIfAborted();
          const padding: Record<string, Numbers> = attentionMask ? { attentionMask } : {};
          const feeds = { ...weights.feeds, ...padding, hidden: states[batch] };
          const { output, ...shown } = await program.keep(feeds);
          if (this.#hasStates || index < this.config.layerCount - 1) {
            states[batch].release();
            states[batch] = output;
          }
          const next = this.#layers[index + 1];
          if (next && batch === 0) model.ahead(next.weights, index + 1);
          await this.#show(shown, index, batch, visit);
          const done = index * batches.length + batch + 1;
          const total = this.config.layerCount * batches.length;
          const resumed = first * batches.length;
          onProgress?.({ done, total, resumed, label: model.tensors.name });
        }
        if (index < this.config.layerCount - 1) await between?.({ next: index + 1, states });
      }
      if (this.#hasStates) return states;
      states.forEach((each) => each.release());
      return [];
    } catch (error) {
      states.forEach((each) => each.release());
      throw error;
    }
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    await this.#embedding.program.release();
    for (const { program } of new Set(this.#layers)) await program.release();
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
        const full = layers.map((layer) => nameInLayer(layer, index));
        await visit!(full, batch, shown[name]);
      }
    } finally {
      Object.values(shown).forEach((each) => each.release());
    }
  }
}

async function part(engine: Engine, outputs: Record<string, Value>): Promise<Part> {
  return { program: await engine.compile(outputs), weights: weightInputs(outputs) };
}

/** The names of a graph's inputs that are tensors of a model, or parts of its layers. */
export function weightInputs(outputs: Readonly<Record<string, Value>>): string[] {
  const names = topologicalOrder(Object.values(outputs)).flatMap(({ name }) => name ?? []);
  return [...new Set(names)].filter((name) => /^(model|lm_head)\./.test(name));
}
