/**
 * The tensors of a decoder: their names, as in a Hugging Face checkpoint, and their shapes.
 *
 * A *linear layer* is one of the seven projections of a decoder layer; it has a delta. Every other
 * tensor (embedding, norms, biases, head) is kept *whole*. Not here: where tensors come from.
 */

import type { DecoderConfig } from "./config.ts";
import type { RoundedTensor } from "./rounded_tensor.ts";
import { byteCount, type FloatType, type RawTensor, type TensorInfo } from "./tensor.ts";

/** Anything that gives a decoder's weights: a checkpoint, a base with a delta applied, a model in training. */
export interface WeightSource {
  /** Its architecture. */
  readonly config: DecoderConfig;
  /** For reports and error messages. */
  readonly name: string;
  /** The values of a tensor, row-major `[out, in]`; `lm_head.weight` is the embedding where they are tied. */
  readFloat32(tensor: string): Promise<Float32Array>;
  /** Whether there is a tensor of this name. */
  has(tensor: string): boolean;
  /** A tensor in a type to be stored in, formed off this thread; absent: it is read and rounded. */
  readonly readRounded?: (
    tensor: string,
    dtype: FloatType,
    signal?: AbortSignal,
  ) => Promise<RoundedTensor>;
  /** The tensors as they are stored, for engines that read 16-bit floats; absent: only float32 exists. */
  readonly stored?: StoredWeights;
}

/** Tensors in the type that a file holds them in. */
export interface StoredWeights {
  /** Type and shape of a tensor. */
  info(tensor: string): TensorInfo;
  /** Bytes of a tensor whose values are all finite. */
  read(tensor: string): Promise<RawTensor>;
  /** Takes back what `read` gave, for its memory to be used again: nobody may look at it any longer. */
  giveBack?(raw: RawTensor): void;
}

/** Names of the two tensors that configurations may tie. */
export const EMBEDDING = "model.embed_tokens.weight";
export const HEAD = "lm_head.weight";

/** `[out, in]`: rows and columns of a weight matrix `y = W x`. */
export type LinearShape = [outSize: number, inSize: number];

/** The projections of a decoder layer, in the order of the forward pass. */
export const PROJECTIONS = [
  "self_attn.q_proj",
  "self_attn.k_proj",
  "self_attn.v_proj",
  "self_attn.o_proj",
  "mlp.gate_proj",
  "mlp.up_proj",
  "mlp.down_proj",
] as const;

type Projection = typeof PROJECTIONS[number];

/**
 * The linear layers in the order of the forward pass: `model.layers.0.self_attn.q_proj` …, without `.weight`.
 *
 * @example
 * ```ts
 * import { Checkpoint, linearLayerNames, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const names = linearLayerNames(model.config);
 * assert.equal(names[0], "model.layers.0.self_attn.q_proj");
 * assert.equal(names.length, 7 * model.config.layerCount);
 * ```
 */
export function linearLayerNames(config: DecoderConfig): string[] {
  return [...eachLinearLayer(config)];
}

/** What the names of all that decoder layer `index` has begin with. */
export function layerPrefix(index: number): string {
  return `model.layers.${index}.`;
}

/** Which decoder layer a linear layer is in, 0 first. */
export function layerIndex(layer: string): number {
  return Number(layer.split(".").at(-3));
}

/**
 * What decoder layer `index` calls its own of what is `name` in another, as of a graph that is compiled for
 * layer 0 and serves all; a name outside of decoder layers stays.
 */
export function nameInLayer(name: string, index: number): string {
  return name.replace(/^model\.layers\.\d+\./, layerPrefix(index));
}

/** The *tables*: a row for each token. What compresses them forms them densely again when they are read. */
const TABLES = [EMBEDDING, HEAD];

/** Whether a tensor is the embedding or the head. */
export function isTable(tensor: string): boolean {
  return TABLES.includes(tensor);
}

/** Compares names of linear layers, for sorting them as `linearLayerNames` gives them; tables come last. */
export function compareLinearLayers(a: string, b: string): number {
  const place = (layer: string) =>
    isTable(layer)
      ? [Number.MAX_SAFE_INTEGER, TABLES.indexOf(layer)]
      : [layerIndex(layer), PROJECTIONS.indexOf(projectionOf(layer) as Projection)];
  const [[layerA, projectionA], [layerB, projectionB]] = [place(a), place(b)];
  return layerA - layerB || projectionA - projectionB;
}

/**
 * Shape `[out, in]` of a linear layer.
 *
 * @example
 * ```ts
 * import { Checkpoint, linearShape, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const { intermediateSize, hiddenSize } = model.config;
 * const shape = linearShape(model.config, "model.layers.0.mlp.up_proj");
 * assert.deepEqual(shape, [intermediateSize, hiddenSize]);
 * ```
 */
export function linearShape(config: DecoderConfig, layer: string): LinearShape {
  const shape = projectionShapes(config)[projectionOf(layer) as Projection];
  if (!shape) throw new RangeError(`'${layer}' is not a linear layer`);
  return shape;
}

/** What the name of a linear layer's bias ends with. */
const BIAS = ".bias";

/** The bias of a linear layer, `[out]`; `null`: it has none. */
export function biasOf(config: DecoderConfig, layer: string): string | null {
  return biasedProjections(config).some((each) => each === projectionOf(layer))
    ? layer + BIAS
    : null;
}

function biasedProjections({ attentionBias, feedForwardBias }: DecoderConfig): Projection[] {
  const ofAttention = { qkv: PROJECTIONS.slice(0, 3), qkvo: PROJECTIONS.slice(0, 4) };
  return [
    ...attentionBias ? ofAttention[attentionBias] : [],
    ...feedForwardBias ? PROJECTIONS.slice(4) : [],
  ];
}

/**
 * The tensors that are not weights of linear layers: embedding, norms, biases, and the head unless it is the
 * embedding.
 */
export function wholeTensorNames(config: DecoderConfig): string[] {
  return [...eachWholeTensor(config)];
}

/** Every tensor that a checkpoint of this configuration holds. */
export function tensorNames(config: DecoderConfig): string[] {
  return [...eachTensorName(config)];
}

/** As `tensorNames`, one at a time: of a configuration that claims any number of layers. */
export function* eachTensorName(config: DecoderConfig): Generator<string> {
  yield* eachWholeTensor(config);
  for (const layer of eachLinearLayer(config)) yield `${layer}.weight`;
}

/** Shape of any of `tensorNames`. */
export function tensorShape(config: DecoderConfig, tensor: string): number[] {
  if (tensor === EMBEDDING || tensor === HEAD) return [config.vocabularySize, config.hiddenSize];
  if (/\.[qk]_norm\.weight$/.test(tensor)) return [config.headSize];
  if (tensor.endsWith("norm.weight")) return [config.hiddenSize];
  if (tensor.endsWith(BIAS)) return [linearShape(config, tensor.slice(0, -BIAS.length))[0]];
  return linearShape(config, tensor.replace(/\.weight$/, ""));
}

/** The tensor that stands for `tensor`: the embedding for a tied head, else itself. */
export function storedTensor(config: DecoderConfig, tensor: string): string {
  return config.tiedEmbeddings && tensor === HEAD ? EMBEDDING : tensor;
}

/**
 * Bytes of all tensors of the configuration in their own types; a tied head counts once, as stored.
 *
 * @example
 * ```ts
 * import { Checkpoint, projectPath, weightBytes } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const { size } = await Deno.stat(projectPath("data/checkpoints/llama-base/model.safetensors"));
 * // All of its file but the header.
 * assert.ok(weightBytes(model) < size && weightBytes(model) > 0.99 * size);
 * ```
 */
export function weightBytes(
  checkpoint: { readonly config: DecoderConfig; info(tensor: string): TensorInfo },
): number {
  return tensorNames(checkpoint.config)
    .reduce((sum, tensor) => sum + byteCount(checkpoint.info(tensor)), 0);
}

function* eachLinearLayer(config: DecoderConfig): Generator<string> {
  for (let index = 0; index < config.layerCount; index++) {
    for (const projection of PROJECTIONS) yield layerPrefix(index) + projection;
  }
}

function* eachWholeTensor(config: DecoderConfig): Generator<string> {
  const biased = biasedProjections(config);
  yield EMBEDDING;
  for (let index = 0; index < config.layerCount; index++) {
    yield `${layerPrefix(index)}input_layernorm.weight`;
    yield `${layerPrefix(index)}post_attention_layernorm.weight`;
    if (config.queryKeyNorms) {
      yield `${layerPrefix(index)}self_attn.q_norm.weight`;
      yield `${layerPrefix(index)}self_attn.k_norm.weight`;
    }
    for (const projection of biased) yield layerPrefix(index) + projection + BIAS;
  }
  yield "model.norm.weight";
  if (!config.tiedEmbeddings) yield HEAD;
}

function projectionOf(layer: string): string {
  return layer.split(".").slice(-2).join(".");
}

function projectionShapes(config: DecoderConfig): Record<Projection, LinearShape> {
  const { hiddenSize, intermediateSize } = config;
  const queryWidth = config.headCount * config.headSize;
  const keyValueWidth = config.keyValueHeadCount * config.headSize;
  return {
    "self_attn.q_proj": [queryWidth, hiddenSize],
    "self_attn.k_proj": [keyValueWidth, hiddenSize],
    "self_attn.v_proj": [keyValueWidth, hiddenSize],
    "self_attn.o_proj": [hiddenSize, queryWidth],
    "mlp.gate_proj": [intermediateSize, hiddenSize],
    "mlp.up_proj": [intermediateSize, hiddenSize],
    "mlp.down_proj": [hiddenSize, intermediateSize],
  };
}
