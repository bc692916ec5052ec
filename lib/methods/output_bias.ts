/**
 * Biases of linear layers that make the mean error of their outputs zero: a setting that a closed form which looks at
 * inputs may have under the name `bias`. They are whole tensors of a delta whose configuration says that there are
 * biases; architectures that know none are refused.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { changedConfig } from "../checkpoint/config_changes.ts";
import { fromFloat32, type RawTensor } from "../checkpoint/tensor.ts";
import { nameInLayer } from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { formOf, layerParts } from "../codecs/layer.ts";
import type { Placed } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { add, reshape, scaleBy, subtract, sumTo } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import { modelInputs } from "../model/linear.ts";
import { numbersOf } from "../model/model_tensors.ts";
import { ConfigError, OptionError } from "../util/errors.ts";
import type { ChoiceSetting, Settings } from "../util/settings.ts";
import type { LayerInput } from "./method.ts";

/** Settings of a method that may give biases. */
export type BiasSettings = {
  /** Whether linear layers get biases. */
  readonly bias: boolean;
};

/** Their schema. */
export const biasSetting: ChoiceSetting<boolean> = {
  kind: "choice",
  default: false,
  values: [true, false],
  help: "whether each linear layer gets a bias, 16 bits an output, that makes its mean error zero",
};

/** Whether these settings ask for biases. */
export function hasBiases({ bias = false }: Settings): boolean {
  return bias === true;
}

/**
 * The configuration of a fine-tune whose linear layers all have biases.
 *
 * @throws {OptionError} if its architecture has no such fields.
 */
export function biasedConfig(config: DecoderConfig): DecoderConfig {
  try {
    return changedConfig(config, { attention_bias: true, mlp_bias: true }, "fine");
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new OptionError({
      problem: `asks for biases that no ${config.architecture} has`,
      option: "bias",
      value: true,
      expected: "false, or a LlamaForCausalLM, whose attention_bias and mlp_bias say so",
      cause,
    });
  }
}

/** Inputs less their mean, and that. */
interface Centred extends Disposable {
  readonly inputs: Placed;
  readonly mean: Placed;
}

/**
 * Compresses a layer on centred inputs, and gives it b = W_fine·μ_fine + b_fine − (W_base + Δ̂)·μ, where μ are the means of
 * what was taken from the inputs: of all Δ̂ and b together that minimises what Δ̂ alone does on centred ones.
 *
 * @param ofFine b_fine, where the fine-tune has one.
 */
export async function compressWithBias(
  layer: LayerInput,
  ofFine: RawTensor | null,
  compress: (layer: LayerInput) => Promise<CompressedLayer>,
  config: DecoderConfig,
  programs: ProgramCache,
): Promise<{ readonly layer: CompressedLayer; readonly bias: RawTensor }> {
  const { shape: [outSize, inSize], group } = layer;
  const fine = await group.get(
    "centred inputs",
    () => centred(programs, layer.fineInputs!, inSize),
  );
  const compressed = layer.compressedInputs && await group.get(
    "centred compressed inputs",
    () => centred(programs, layer.compressedInputs!, inSize),
  );
  const made = await compress({
    ...layer,
    fineInputs: fine.inputs,
    compressedInputs: compressed && compressed.inputs,
  });
  const name = nameInLayer(layer.name, 0);
  const forms = new Map([[name, formOf(made)]]);
  const program = await programs.get(`bias beside ${JSON.stringify([...forms])}`, () => {
    const mean = (of: string) => reshape(input(of, [inSize]), [1, inSize]);
    const aim = matmul(mean("ofFine"), input("fine", [outSize, inSize]), { transposeSecond: true });
    const found = modelInputs(config, forms).linear(mean("ofCompressed"), name);
    return { bias: add(reshape(subtract(aim, found), [outSize]), input("before", [outSize])) };
  });
  const placed: Record<string, Placed> = {};
  try {
    const { engine } = programs;
    placed.fine = await engine.place(layer.fine, layer.name);
    if (made.role === "delta") {
      placed[`${name}.weight`] = await engine.place(layer.base, layer.name);
    }
    for (const { entry, term, part } of layerParts(name, made)) {
      placed[entry] = await engine.place(numbersOf(made.terms[term].parts[part]), layer.name);
    }
    placed.before = await engine.place(ofFine ?? new Float32Array(outSize), layer.name);
    const means = { ofFine: fine.mean, ofCompressed: (compressed ?? fine).mean };
    const { bias } = await program.run({ ...placed, ...means });
    const bytes = fromFloat32(bias as Float32Array, "F16");
    return { layer: made, bias: { dtype: "F16", shape: [outSize], bytes } };
  } finally {
    Object.values(placed).forEach((each) => each.release());
  }
}

async function centred(programs: ProgramCache, inputs: Placed, width: number): Promise<Centred> {
  const shape = [inputs.length / width, width];
  const program = await programs.get(`[${shape}] less its mean`, () => {
    const x = input("x", shape);
    const mean = scaleBy(sumTo(x, [width]), 1 / shape[0]);
    return { inputs: add(x, scaleBy(mean, -1)), mean };
  });
  const made = await program.keep({ x: inputs });
  const release = () => [made.inputs, made.mean].forEach((each) => each.release());
  return { inputs: made.inputs, mean: made.mean, [Symbol.dispose]: release };
}
