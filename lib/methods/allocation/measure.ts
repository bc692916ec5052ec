/**
 * What each form of a layer does harm: the KL of the model where this layer alone is compressed, by one form, and how
 * far the layer's outputs are off by each form. One walk over a pair measures all of it, layer by layer, and what was
 * measured before is not measured again. Not here: what is chosen by it (`spend.ts`).
 */

import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { sharedKernels } from "../../checkpoint/formed_tensor.ts";
import { float32Tensor, type RawTensor, toFloat32 } from "../../checkpoint/tensor.ts";
import type { WeightSource } from "../../checkpoint/weights.ts";
import type { CompressedLayer } from "../../codecs/codec.ts";
import { addLayer } from "../../codecs/layer.ts";
import { Evaluator } from "../../evaluation/evaluator.ts";
import type { Engine } from "../../graph/engine.ts";
import { type CalibrationSequences, takeSequences } from "../../texts/sequences.ts";
import type { Watch } from "../../util/progress.ts";
import type { Settings } from "../../util/settings.ts";
import { Turns } from "../../util/turns.ts";
import { planRows } from "../activations.ts";
import { realTokens } from "../choosing.ts";
import type { ClosedForm, LayerInput, RowSettings } from "../method.ts";
import { scaledSigns } from "../scaled_signs.ts";
import { walk } from "../walk.ts";
import { outputError } from "./output_error.ts";

/** A closed form with its settings. */
export interface ChosenForm {
  readonly method: ClosedForm<Settings>;
  readonly settings: Settings;
}

/** What was measured of one layer. */
export interface LayerHarm {
  /** Name without `.weight`. */
  readonly layer: string;
  /** KL(fine ‖ fine with this layer compressed by the first form), nats a token. */
  readonly kl: number;
  /** ‖X(Δ − Δ̂)ᵀ‖² / ‖XΔᵀ‖² of each form, in their order; 0 of a layer that changes no output. */
  readonly errors: readonly number[];
}

/** What is measured, and on what. */
export interface Measuring {
  readonly engine: Engine;
  readonly base: Checkpoint;
  readonly fine: Checkpoint;
  /** None of them looks at the compressed model so far. */
  readonly forms: readonly ChosenForm[];
  readonly sequences: CalibrationSequences;
  /** Rows of inputs that errors are measured on, and that the forms see. */
  readonly rows: RowSettings;
  /** Sequences, the first ones, that the KL is measured on. */
  readonly slice: number;
}

/**
 * Measures all layers but those of which `known` has something.
 *
 * @param keep is handed each, in the order in which they come.
 * @throws {TextError} if there is too little calibration text.
 * @throws as {@linkcode walk}.
 */
export async function measureHarm(
  { engine, base, fine, forms, sequences, rows, slice }: Measuring,
  known: ReadonlySet<string>,
  keep: (harm: LayerHarm) => Promise<void>,
  watch: Watch,
): Promise<void> {
  const text = realTokens(takeSequences(sequences, 0, Math.min(slice, sequences.count)));
  const evaluator = new Evaluator(engine, fine.config, { context: 0, window: sequences.length });
  const turns = new Turns();
  try {
    const { signal } = watch;
    const reference = await evaluator.reference(fine, text, { signal });
    const measure = async (
      layer: LayerInput,
      compressed: readonly CompressedLayer[],
      error: (
        weights: RawTensor,
      ) => Promise<number>,
    ): Promise<LayerHarm> => {
      const weights: RawTensor[] = [];
      for (const each of compressed) weights.push(await formedWeights(layer, each));
      const most = await error(layer.base);
      const errors: number[] = [];
      for (const each of weights) errors.push(most === 0 ? 0 : await error(each) / most);
      const model = withTensor(fine, `${layer.name}.weight`, weights[0]);
      const { kl } = await evaluator.score(model, text, reference, { signal });
      return { layer: layer.name, kl: kl!, errors };
    };
    await walk(
      engine,
      base,
      fine,
      { weights: true, rows: planRows(sequences, rows), both: false },
      async (layer, programs, parts) => {
        if (known.has(layer.name)) return scaledSigns(layer, layer.signs.meanMagnitude);
        const made: CompressedLayer[] = [];
        for (const { method, settings } of forms) {
          made.push(await method.compress(layer, settings, engine, programs, parts));
        }
        await turns.take(async () => {
          signal?.throwIfAborted();
          await keep(
            await measure(
              layer,
              made,
              (weights) =>
                outputError(programs, layer.fineInputs!, layer.shape, [layer.fine, weights]),
            ),
          );
        });
        return made[0];
      },
      { layer: () => {}, whole: () => {} },
      watch,
    );
  } finally {
    await evaluator.release();
  }
}

/** The weights that a compressed layer stands for, in 32-bit floats. */
async function formedWeights(
  { base, shape }: Pick<LayerInput, "base" | "shape">,
  layer: CompressedLayer,
): Promise<RawTensor> {
  const [outSize, inSize] = shape;
  const sum = layer.role === "weight"
    ? new Float32Array(outSize * inSize)
    : toFloat32(base).slice();
  addLayer(await sharedKernels(), sum, layer);
  return float32Tensor(sum, [...shape]);
}

/** A model with another tensor in the place of one of its own. */
function withTensor(model: Checkpoint, tensor: string, raw: RawTensor): WeightSource {
  const { stored } = model;
  return {
    config: model.config,
    name: model.name,
    has: (name) => model.has(name),
    readFloat32: (name) =>
      name === tensor ? Promise.resolve(toFloat32(raw)) : model.readFloat32(name),
    stored: {
      info: (name) => name === tensor ? raw : stored.info(name),
      read: (name) => name === tensor ? Promise.resolve(raw) : stored.read(name),
      giveBack: (given) => given === raw ? undefined : stored.giveBack?.(given),
    },
  };
}
