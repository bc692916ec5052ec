/** The compressed model as a graph: each linear layer is its base plus one scale times its signs. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { linearShape, type WeightSource } from "../checkpoint/weights.ts";
import type { Delta } from "../delta/delta.ts";
import { wordsPerRow } from "../delta/signs.ts";
import { type Linear, parameterInputs, type Parameters } from "../graph/decoder/context.ts";
import { input, type Numbers, type Value } from "../graph/graph.ts";
import { add } from "../graph/ops/add.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { multiply } from "../graph/ops/multiply.ts";
import { signMatmul } from "../graph/ops/sign_matmul.ts";
import { stopGradient } from "../graph/ops/stop_gradient.ts";

/** The inputs of a student's graph, and its linear layers made of them. */
export interface StudentInputs {
  /** `<layer>.weight` is the base's, any other tensor the student's own. */
  readonly parameters: Parameters;
  /** The scalar input `<layer>.coeff`. */
  readonly scale: (layer: string) => Value;
  readonly linear: Linear;
}

/**
 * y = xW_baseᵀ + α · (xSᵀ) in each linear layer, S from the packed input `<layer>.mask`.
 *
 * @param detached whether x is a constant in the second term, as in the study, whose binary product
 * passes no gradient on.
 */
export function studentInputs(config: DecoderConfig, detached: boolean): StudentInputs {
  const parameters = parameterInputs(config);
  const scales = new Map<string, Value>();
  const scale = (layer: string) => {
    const known = scales.get(layer) ?? input(`${layer}.coeff`, []);
    scales.set(layer, known);
    return known;
  };
  const linear = (x: Value, layer: string) => {
    const [outputSize, inputSize] = linearShape(config, layer);
    const mask = input(`${layer}.mask`, [wordsPerRow(inputSize), outputSize], "i32");
    const dense = matmul(x, parameters(`${layer}.weight`), { transposeSecond: true });
    const signed = signMatmul(detached ? stopGradient(x) : x, mask);
    return add(dense, multiply(signed, scale(layer)));
  };
  return { parameters, scale, linear };
}

/** Arrays that training changes, by the names of their inputs. */
export type TrainedArrays = ReadonlyMap<string, Float32Array>;

/** The numbers of a student's inputs: trained ones as they stand, others from the base and the delta. */
export class StudentWeights {
  constructor(
    readonly base: WeightSource,
    readonly delta: Delta,
    readonly trained: TrainedArrays,
  ) {}

  /** The numbers of the input `name`: a tensor, `<layer>.mask` or `<layer>.coeff`. */
  async read(name: string): Promise<Numbers> {
    const trained = this.trained.get(name);
    if (trained) return trained;
    const layer = this.delta.layers.get(name.replace(/\.(mask|coeff)$/, ""));
    if (layer && name.endsWith(".mask")) return layer.mask;
    if (layer) return Float32Array.of(layer.scale);
    const whole = this.delta.whole.get(name);
    return whole ? toFloat32(whole) : await this.base.readFloat32(name);
  }
}

/** The value of a trained input: a scale or a tensor. */
export function trainedInput({ scale, parameters }: StudentInputs, name: string): Value {
  return name.endsWith(".coeff") ? scale(name.slice(0, -".coeff".length)) : parameters(name);
}
