/**
 * What a delta does to the outputs of each layer, and how much of that its signs do: three inner
 * products a layer, from which the error of any scale follows.
 */

import { type Activations, collectRows, planRows } from "../methods/activations.ts";
import type { RowSettings } from "../methods/method.ts";
import { PairReader } from "../methods/pair_reader.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { FloatType } from "../checkpoint/tensor.ts";
import { linearLayerNames, type LinearShape } from "../checkpoint/weights.ts";
import { differenceType } from "../delta/difference.ts";
import type { Engine } from "../graph/engine.ts";
import { input, type Value } from "../graph/graph.ts";
import { difference } from "../graph/ops/difference.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { multiply, sumTo } from "../graph/ops/elementwise.ts";
import { sign } from "../graph/ops/signs.ts";
import { ProgramCache } from "../graph/program_cache.ts";
import type { Watch } from "../util/progress.ts";
import { innerProduct } from "./plain_products.ts";

/** Inner products of U = XΔᵀ and V = XSᵀ, both `[rows, out]`, S = sign(Δ) with zeros as +1. */
export interface OutputProducts {
  /** ⟨U, U⟩ */
  readonly delta: number;
  /** ⟨U, V⟩ */
  readonly cross: number;
  /** ⟨V, V⟩ */
  readonly signs: number;
}

/**
 * The products of two outputs that are already there: U and V, `[rows, out]`.
 *
 * @example
 * ```ts
 * import { productsOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const products = productsOf(Float32Array.of(2, 4), Float32Array.of(1, 1));
 * assert.deepEqual(products, { delta: 20, cross: 6, signs: 2 });
 * ```
 */
export function productsOf(u: Float32Array, v: Float32Array): OutputProducts {
  return { delta: innerProduct(u, u), cross: innerProduct(u, v), signs: innerProduct(v, v) };
}

/**
 * The scale that loses least on the outputs: argmin ‖U − αV‖ = ⟨U, V⟩ / ⟨V, V⟩.
 *
 * @example
 * ```ts
 * import { bestScale, productsOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(bestScale(productsOf(Float32Array.of(2, 4), Float32Array.of(1, 1))), 3);
 * ```
 */
export function bestScale({ cross, signs }: OutputProducts): number {
  return cross / signs;
}

/**
 * Share of what a delta does to the outputs that is lost at a scale: ‖U − αV‖² / ‖U‖² =
 * (⟨U,U⟩ − 2α⟨U,V⟩ + α²⟨V,V⟩) / ⟨U,U⟩. It is 0 for a delta of one magnitude, 1 for no delta at all.
 *
 * @example
 * ```ts
 * import { bestScale, outputError, productsOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const products = productsOf(Float32Array.of(2, 4), Float32Array.of(1, 1));
 * assert.equal(outputError(products, 0), 1);
 * assert.equal(outputError(products, bestScale(products)), 0.1);
 * ```
 */
export function outputError({ delta, cross, signs }: OutputProducts, scale: number): number {
  return (delta - 2 * scale * cross + scale * scale * signs) / delta;
}

/**
 * The products of every linear layer on the inputs that the fine-tune sees, by the layer's name in
 * the order of the forward pass. Layers are read one at a time.
 *
 * @throws {TextError} if the sequences hold fewer rows than asked for.
 *
 * @example
 * ```ts
 * import {
 *   bestScale,
 *   calibrationSequences,
 *   Checkpoint,
 *   embeddedTexts,
 *   onnxEngine,
 *   outputError,
 *   outputProducts,
 *   projectPath,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-assistant"));
 * const texts = await embeddedTexts.calibration(1);
 * const sequences = await calibrationSequences(texts.slice(0, 2), await fine.tokenizer());
 * const rows = { rows: 32, padding: "left out" } as const;
 * const products = await outputProducts(onnxEngine(), base, fine, sequences, rows);
 * for (const layer of products.values()) assert.ok(outputError(layer, bestScale(layer)) < 1);
 * ```
 */
export async function outputProducts(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  sequences: CalibrationSequences,
  settings: RowSettings,
  { onProgress, signal }: Watch = {},
): Promise<ReadonlyMap<string, OutputProducts>> {
  const total = linearLayerNames(fine.config).length;
  const products = new Map<string, OutputProducts>();
  const reader = new PairReader(base, fine);
  const plan = planRows(sequences, settings);
  await using programs = new ProgramCache(engine);
  const use = async ({ layers, inputs, rows }: Activations) => {
    for (const layer of layers) {
      const { shape, ...weights } = await reader.takeLayer(layer);
      const type = differenceType(weights.base.dtype, weights.fine.dtype);
      const key = `${shape} ${type}`;
      const program = await programs.get(key, () => productsGraph(rows, shape, type));
      const base = await engine.place(weights.base, layer);
      const fine = await engine.place(weights.fine, layer);
      const results = await program.run({ inputs, base, fine });
      [base, fine].forEach((each) => each.release());
      const sum = (name: string) =>
        Float64Array.from(results[name]).reduce((all, each) => all + each, 0);
      products.set(layer, { delta: sum("delta"), cross: sum("cross"), signs: sum("square") });
      onProgress?.({ done: products.size, total, label: layer });
    }
  };
  await collectRows(engine, reader.tensors, plan, async (groups) => {
    for (const group of groups) await use(group);
  }, { signal });
  return products;
}

/** Products by output, `[out]`: summed over rows in the engine's precision, over outputs in double. */
function productsGraph(
  rows: number,
  [outSize, inSize]: LinearShape,
  type: FloatType,
): Record<string, Value> {
  const x = input("inputs", [rows, inSize]);
  const [base, fine] = ["base", "fine"].map((name) => input(name, [outSize, inSize]));
  const delta = difference(fine, base, type);
  const projected = matmul(x, delta, { transposeSecond: true });
  const signed = matmul(x, sign(delta, 1), { transposeSecond: true });
  return {
    delta: sumTo(multiply(projected, projected), [outSize]),
    cross: sumTo(multiply(projected, signed), [outSize]),
    square: sumTo(multiply(signed, signed), [outSize]),
  };
}
