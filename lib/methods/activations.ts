/**
 * The inputs of a model's linear layers on calibration text, layer by layer: what activation-aware
 * methods look at. Only one decoder layer's inputs are held at a time.
 */

import { PROJECTIONS, type WeightSource } from "../checkpoint/weights.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import { ProgramCache } from "../graph/program_cache.ts";
import type { BatchShape } from "../model/llama.ts";
import { type ModelTensors, modelTensors } from "../model/model_tensors.ts";
import { DecoderPipeline, type LayerBorder, type TokenBatch } from "../model/pipeline.ts";
import { PlacedModel } from "../model/placed_model.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import { OptionError, TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import type { RowSettings } from "./method.ts";
import { RowCollector } from "./row_collector.ts";

/** Rows of inputs, one a token. */
export interface Activations {
  /** Linear layers that read these inputs. */
  readonly layers: readonly string[];
  /** X, `[rows, in]`, where the engine computed it; freed after its use. */
  readonly inputs: Placed;
  /** As many as were asked for. */
  readonly rows: number;
}

/** Batches to run, and which of their tokens become rows. */
export interface RowPlan {
  /** Of every batch. */
  readonly shape: BatchShape;
  /** As many as the rows take. */
  readonly batches: readonly TokenBatch[];
  /** Places in the batches' tokens end to end, ascending. */
  readonly wanted: readonly number[];
}

/** How a run over the batches of a plan is watched, and goes on where an earlier one was. */
export interface CollectOptions extends Watch {
  /** Where that had come; the states are released. */
  readonly from?: LayerBorder | null;
  /** Is shown the states between two decoder layers, once those before are used. */
  readonly between?: (border: LayerBorder) => Promise<void>;
}

/** Sequences that run at once. */
const BATCH = 4;

/**
 * Which sequences to run for the rows that are asked for.
 *
 * @throws {OptionError} if `rows` is not a whole number of at least 1.
 * @throws {TextError} if the sequences hold fewer rows than asked for.
 */
export function planRows(sequences: CalibrationSequences, settings: RowSettings): RowPlan {
  const wanted = chosenRows(sequences, settings);
  const { length } = sequences;
  const used = Math.floor(wanted[wanted.length - 1] / length) + 1;
  const batch = Math.min(BATCH, used);
  const batches = Array.from({ length: Math.ceil(used / batch) }, (_, index) => ({
    tokens: padded(sequences.tokens, index * batch * length, batch * length),
    attentionMask: padded(sequences.attentionMask, index * batch * length, batch * length),
  }));
  return { shape: { batch, sequence: length }, batches, wanted };
}

/**
 * Runs a model over the batches of a plan and calls `use` for each decoder layer, with the groups of its linear
 * layers that share their input in the order of the forward pass. Each tensor is read once, before the decoder
 * layer that it is of.
 */
export async function collectRows(
  engine: Engine,
  tensors: ModelTensors,
  { shape, batches, wanted }: RowPlan,
  use: (groups: readonly Activations[]) => Promise<void>,
  options: CollectOptions = {},
): Promise<void> {
  using weights = new PlacedModel(engine, tensors, { runs: "once" });
  const kind = { padded: true, observed: "alone", layers: tensors.layers } as const;
  const pipeline = await DecoderPipeline.compile(engine, tensors.config, shape, kind);
  try {
    await using programs = new ProgramCache(engine);
    using collector = new RowCollector(programs, shape.batch * shape.sequence, wanted);
    const groups: Activations[] = [];
    using _ = { [Symbol.dispose]: () => groups.forEach(({ inputs }) => inputs.release()) };
    const useAll = async () => {
      await use(groups);
      groups.splice(0).forEach(({ inputs }) => inputs.release());
    };
    const visit = async (layers: string[], index: number, inputs: Placed) => {
      await collector.take(layers[0], index, inputs);
      if (index < batches.length - 1) return;
      const rows = await collector.collected(layers[0]);
      groups.push({ layers, inputs: rows, rows: wanted.length });
      const collected = groups.reduce((sum, each) => sum + each.layers.length, 0);
      if (collected === PROJECTIONS.length) await useAll();
    };
    await pipeline.forward(weights, batches, { ...options, visit });
  } finally {
    await pipeline.release();
  }
}

/**
 * The inputs of every linear layer of `model` on the first rows of the sequences: {@linkcode planRows}, then
 * {@linkcode collectRows}.
 *
 * @throws as {@linkcode planRows}.
 */
export async function collectActivations(
  engine: Engine,
  model: WeightSource,
  sequences: CalibrationSequences,
  settings: RowSettings,
  use: (activations: Activations) => Promise<void>,
  watch: Watch = {},
): Promise<void> {
  const plan = planRows(sequences, settings);
  const useEach = async (groups: readonly Activations[]) => {
    for (const group of groups) await use(group);
  };
  await collectRows(engine, modelTensors(model, engine), plan, useEach, watch);
}

/** Positions in the flattened sequences that become rows, ascending. */
function chosenRows(
  { attentionMask }: CalibrationSequences,
  { rows, padding }: RowSettings,
): number[] {
  if (!Number.isInteger(rows) || rows < 1) {
    throw new OptionError({
      problem: "is no number of rows",
      option: "rows",
      value: rows,
      expected: "a whole number of at least 1",
    });
  }
  const chosen: number[] = [];
  for (let at = 0; at < attentionMask.length && chosen.length < rows; at++) {
    if (padding === "counted" || attentionMask[at] === 1) chosen.push(at);
  }
  if (chosen.length === rows) return chosen;
  throw new TextError({
    problem: "calibration text is too short",
    value: `${chosen.length} rows`,
    expected: `${rows} rows`,
  });
}

/** A slice that repeats the first sequence's start where the text ends before the batch does. */
function padded(numbers: Int32Array, begin: number, count: number): Int32Array {
  const slice = new Int32Array(count);
  slice.set(numbers.subarray(begin, begin + count));
  if (begin + count > numbers.length) {
    slice.set(numbers.subarray(0, begin + count - numbers.length), numbers.length - begin);
  }
  return slice;
}
