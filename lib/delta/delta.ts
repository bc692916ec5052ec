/**
 * A delta: what must be added to a base, or put in its weights' place, to come near its fine-tune.
 *
 * `W_fine ≈ W_base + Σ M` for each linear layer, each M stored by a codec, and for embedding and head where they
 * stand among the layers, under the full names of their tensors; every other tensor is the fine-tune's own. Its layers are read when asked for, so that a delta may be larger than memory. Not here:
 * how a delta is made, stored, counted (`delta_size.ts`) or applied.
 */

import type { ConfigChanges } from "../checkpoint/config_changes.ts";
import { firstNotFinite } from "../checkpoint/not_finite.ts";
import {
  elementCount,
  float32Tensor,
  type FloatType,
  fromFloat32,
  type RawTensor,
  type TensorInfo,
  toFloat32,
} from "../checkpoint/tensor.ts";
import type { CompressedLayer, LayerForm } from "../codecs/codec.ts";
import { checkLayer, type LayerPart, layerParts } from "../codecs/layer.ts";
import { DeltaError } from "../util/errors.ts";

/** What is wrong with a file, or what is to be one, that holds something else. */
export const NO_FIT = "does not fit a delta";

/** Where a delta comes from. */
export interface DeltaMetadata {
  /** The method that found its numbers; `"unknown"` in a file that does not say. */
  readonly method: string;
  /** Settings of the method. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** `Checkpoint.hash()` of the base; `null` where it is not known. */
  readonly baseHash: string | null;
  /** Hash of the fine-tune's weights; `null` where it is not known. */
  readonly fineHash: string | null;
  /**
   * What the fine-tune's configuration says otherwise than the base's and the whole tensors do not tell, such as
   * other rotary positions; default: nothing.
   */
  readonly config?: ConfigChanges;
  /** Where the base was fetched from, `hf:owner/name@commit`; not there if it was a folder. */
  readonly base?: string;
  /** Where the fine-tune was fetched from. */
  readonly fine?: string;
  /** Version of the file format, `null` for a file of the study's own code. */
  readonly version: number | null;
}

/** A delta of a whole model. */
export interface Delta {
  /** What it was made from, and how. */
  readonly metadata: DeltaMetadata;
  /** How each layer is stored, by name without `.weight`, in the order of the forward pass. */
  readonly layers: ReadonlyMap<string, LayerForm>;
  /** Tensors kept whole from the fine-tune, by their names in the checkpoint. */
  readonly whole: ReadonlyMap<string, TensorInfo>;
  /**
   * The numbers of a layer.
   *
   * @throws {DeltaError} if there is no such layer, or a part is not as it was written or not finite.
   */
  readLayer(name: string): Promise<CompressedLayer>;
  /**
   * A tensor that is kept whole.
   *
   * @throws {DeltaError} if there is none, or it is not as it was written or not finite.
   */
  readWhole(tensor: string): Promise<RawTensor>;
  /** Takes back a tensor that was read, for its memory to be used again: nobody may look at it any longer. */
  giveBack?(tensor: RawTensor): void;
}

/** A delta whose numbers are all at hand. */
export interface MemoryDelta extends Delta {
  /** Each layer, by name without `.weight`, in the order of the forward pass. */
  readonly layers: ReadonlyMap<string, CompressedLayer>;
  /** Tensors kept whole from the fine-tune, by their names in the checkpoint. */
  readonly whole: ReadonlyMap<string, RawTensor>;
}

/**
 * A delta in memory.
 *
 * @throws {DeltaError} if a layer's parts are not as its codecs lay them out, or not finite.
 *
 * @example
 * ```ts
 * import { memoryDelta, signsTerm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const shape: [number, number] = [2, 64];
 * const terms = [signsTerm(new Int32Array(4), shape, { coeff: 0.5 })];
 * const layers = new Map([["model.layers.0.mlp.up_proj", { shape, role: "delta" as const, terms }]]);
 * const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: null };
 * const delta = memoryDelta(layers, new Map(), metadata);
 * assert.deepEqual((await delta.readLayer("model.layers.0.mlp.up_proj")).shape, shape);
 * ```
 */
export function memoryDelta(
  layers: ReadonlyMap<string, CompressedLayer>,
  whole: ReadonlyMap<string, RawTensor>,
  metadata: DeltaMetadata,
): MemoryDelta {
  for (const [name, layer] of layers) checkLayer(name, layer);
  return {
    metadata,
    layers,
    whole,
    // deno-lint-ignore require-await -- what is missing is a rejection
    readLayer: async (name) => layers.get(name) ?? missing(name),
    // deno-lint-ignore require-await -- as above
    readWhole: async (tensor) => whole.get(tensor) ?? missing(tensor),
  };
}

/**
 * A delta, all of it in memory.
 *
 * @throws {DeltaError} as its layers do when they are read.
 *
 * @example
 * ```ts
 * import { Checkpoint, compress, loadDelta, onnxEngine, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using pair = new DisposableStack();
 * const base = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-base")));
 * const fine = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-code")));
 * const { delta } = await compress(onnxEngine(), base, fine, { method: "initial" }, null);
 * const { layers } = await loadDelta(delta);
 * assert.equal(layers.get("model.layers.0.mlp.up_proj")!.terms[0].codec, "signs");
 * ```
 */
export async function loadDelta(delta: Delta): Promise<MemoryDelta> {
  const layers = new Map<string, CompressedLayer>();
  for (const name of delta.layers.keys()) layers.set(name, await delta.readLayer(name));
  const whole = new Map<string, RawTensor>();
  for (const name of delta.whole.keys()) whole.set(name, await delta.readWhole(name));
  return memoryDelta(layers, whole, delta.metadata);
}

/**
 * The same delta with other numbers in some places; read through, so the first must stay open.
 *
 * @param numbers by entry: `<layer>.<part>` of a trainable part, as {@linkcode readTrainable} has it, which
 * are rounded to the part's type, or the name of a whole tensor, which becomes F32.
 * @param metadata what changes with them.
 * @throws {DeltaError} if there is no such entry, or numbers are not as many, or not finite in their type.
 */
export function withNumbers(
  delta: Delta,
  numbers: ReadonlyMap<string, Float32Array>,
  metadata: Partial<DeltaMetadata>,
): Delta {
  const parts = new Map<string, { layer: string; part: LayerPart }>();
  for (const [layer, form] of delta.layers) {
    for (const part of layerParts(layer, form)) {
      if (part.trainable) parts.set(part.entry, { layer, part });
    }
  }
  const tensors = new Map<string, RawTensor>();
  for (const [name, values] of numbers) {
    const part = parts.get(name)?.part.info;
    const { shape } = part ?? delta.whole.get(name) ?? missing(name);
    const dtype = (part?.dtype ?? "F32") as FloatType;
    checkNumbers(name, values, shape);
    tensors.set(name, roundedTensor(name, values, shape, dtype));
  }
  const whole = new Map(
    [...delta.whole].map(([name, info]): [string, TensorInfo] => [name, tensors.get(name) ?? info]),
  );
  return {
    metadata: { ...delta.metadata, ...metadata },
    layers: delta.layers,
    whole,
    async readLayer(name) {
      const layer = await delta.readLayer(name);
      const terms = layer.terms.map((term) => ({ ...term, parts: { ...term.parts } }));
      for (const { entry, term, part } of layerParts(name, layer)) {
        const changed = parts.has(entry) && tensors.get(entry);
        if (changed) terms[term].parts[part] = changed;
      }
      return { ...layer, terms };
    },
    readWhole: async (name) => whole.has(name) && tensors.get(name) || await delta.readWhole(name),
  };
}

/** The same delta, which tells something else of itself; read through, so the first must stay open. */
export function withMetadata(delta: Delta, metadata: DeltaMetadata): Delta {
  return {
    metadata,
    layers: delta.layers,
    whole: delta.whole,
    readLayer: (name) => delta.readLayer(name),
    readWhole: (tensor) => delta.readWhole(tensor),
  };
}

/**
 * Copies of the numbers of every part that a trainer may change, by entry: `<layer>.<part>`.
 *
 * @example
 * ```ts
 * import { memoryDelta, readTrainable, signsTerm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const shape: [number, number] = [2, 64];
 * const terms = [signsTerm(new Int32Array(4), shape, { coeff: 0.5 })];
 * const layers = new Map([["model.layers.0.mlp.up_proj", { shape, role: "delta" as const, terms }]]);
 * const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: null };
 * const delta = memoryDelta(layers, new Map(), metadata);
 * const numbers = await readTrainable(delta);
 * assert.deepEqual([...numbers], [["model.layers.0.mlp.up_proj.coeff", Float32Array.of(0.5)]]);
 * ```
 */
export async function readTrainable(delta: Delta): Promise<Map<string, Float32Array>> {
  const numbers = new Map<string, Float32Array>();
  for (const [name, form] of delta.layers) {
    const trainable = layerParts(name, form).filter((part) => part.trainable);
    if (trainable.length === 0) continue;
    const { terms } = await delta.readLayer(name);
    for (const { entry, term, part } of trainable) {
      numbers.set(entry, toFloat32(terms[term].parts[part]).slice());
    }
  }
  return numbers;
}

function roundedTensor(
  name: string,
  values: Float32Array,
  shape: readonly number[],
  dtype: FloatType,
): RawTensor {
  if (dtype === "F32") return float32Tensor(values, shape);
  const tensor = { dtype, shape, bytes: fromFloat32(values, dtype) };
  const at = firstNotFinite(toFloat32(tensor));
  if (at < 0) return tensor;
  throw new DeltaError({
    problem: `cannot take these numbers in ${dtype}`,
    tensor: name,
    value: `${values[at]} as element ${at}`,
    expected: "numbers within its range",
  });
}

function checkNumbers(name: string, values: Float32Array, shape: readonly number[]): void {
  const count = elementCount(shape);
  const at = firstNotFinite(values);
  if (values.length === count && at < 0) return;
  throw new DeltaError({
    problem: "cannot take these numbers",
    tensor: name,
    value: values.length === count ? `${values[at]} as element ${at}` : `${values.length} numbers`,
    expected: `${count} finite floats`,
  });
}

function missing(tensor: string): never {
  const problem = "is not in the delta";
  throw new DeltaError({ problem, tensor, expected: "one of its layers or whole tensors" });
}
