/**
 * A closed form at work on a pair: what it will store, which is known before anything is computed, and
 * the walk that makes it, layer by layer, for whoever keeps the layers (`compress.ts`).
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { configChanges } from "../checkpoint/config_changes.ts";
import type { RawTensor, TensorInfo } from "../checkpoint/tensor.ts";
import {
  biasOf,
  linearLayerNames,
  linearShape,
  tensorShape,
  wholeTensorNames,
} from "../checkpoint/weights.ts";
import type { LayerForm } from "../codecs/codec.ts";
import { formOf } from "../codecs/layer.ts";
import { writtenVersion } from "../delta/delta_header.ts";
import { deltaBytes } from "../delta/delta_size.ts";
import type { DeltaPlan, PairHashes } from "../delta/delta_writer.ts";
import type { Engine } from "../graph/engine.ts";
import { type CalibrationSequences, checkEnoughText, checkSequences } from "../texts/sequences.ts";
import { DeltaError, OptionError, TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import type { Settings } from "../util/settings.ts";
import { planRows, type RowPlan } from "./activations.ts";
import {
  type ClosedForm,
  type LayerInput,
  type Method,
  type MethodChoice,
  seesInputs,
} from "./method.ts";
import { resolveMethod } from "./mod.ts";
import { biasedConfig, compressWithBias, hasBiases } from "./output_bias.ts";
import { hasBaseTable, roundTable, tableForm } from "./tables.ts";
import { walk, type WalkKept, type WalkSink } from "./walk.ts";

/** What is known of a checkpoint before a weight is read, or of one that is not there. */
export type StatedTensors = Pick<Checkpoint, "config" | "info">;

/** A closed form with all that its run depends on beside the weights. */
export interface ClosedFormRun {
  readonly method: ClosedForm<Settings>;
  readonly settings: Settings;
  /** Rows of inputs; `null` where weights alone are looked at. */
  readonly rows: RowPlan | null;
  /** What it will store, the pair's hashes not known yet; of a measured method its whole tensors alone. */
  readonly plan: DeltaPlan;
}

/**
 * Prepares a run; reads no weight.
 *
 * @throws {OptionError} if the method sees inputs and names no rows.
 * @throws {TextError} if there is too little calibration text, or it has tokens that the model does not know.
 */
export function prepareClosedForm(
  base: Checkpoint,
  fine: Checkpoint,
  method: ClosedForm<Settings>,
  settings: Settings,
  sequences: CalibrationSequences | null,
): ClosedFormRun {
  const rows = rowPlan(fine, method, settings, sequences);
  const plan = planOf(fine, method, settings, (tensor) => hasBaseTable(base, fine, tensor));
  const config = configChanges(base.config, configOf(fine, settings));
  const metadata = Object.keys(config).length === 0
    ? plan.metadata
    : { ...plan.metadata, config, version: writtenVersion(plan.layers, config) };
  return { method, settings, rows, plan: { ...plan, metadata } };
}

/**
 * Hands each layer and whole tensor to `sink` as it is made or read for the last time.
 *
 * @returns the hashes of both checkpoints, of which every byte was read by then.
 * @throws {DeltaError} if the method stores a layer otherwise than it states.
 * @throws as {@linkcode walk}.
 */
export async function runClosedForm(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  { method, settings, rows, plan }: ClosedFormRun,
  sink: WalkSink,
  watch: Watch,
  kept: WalkKept | null = null,
): Promise<PairHashes> {
  const sees = method.sees(settings);
  const config = configOf(fine, settings);
  const biases = new Map<string, RawTensor>();
  const compressed = { config, whole: (tensor: string) => biases.get(tensor) };
  await walk(
    engine,
    base,
    fine,
    { weights: sees !== "extracted signs", rows, both: sees === "both inputs", compressed },
    async (layer, programs, watch) => {
      const compress = (layer: LayerInput) =>
        method.compress(layer, settings, engine, programs, watch);
      if (!hasBiases(settings)) return await compress(layer);
      const tensor = biasOf(config, layer.name)!;
      const ofFine = fine.has(tensor) ? await fine.stored.read(tensor) : null;
      const made = await compressWithBias(layer, ofFine, compress, config, programs);
      biases.set(tensor, made.bias);
      return made.layer;
    },
    {
      async layer(name, layer) {
        if (!method.measured) checkStated(method, name, plan.layers.get(name)!, layer);
        await sink.layer(name, layer);
        const tensor = biasOf(config, name);
        const bias = tensor === null ? undefined : biases.get(tensor);
        if (bias) await sink.whole(tensor!, bias);
      },
      async whole(tensor, raw, digest) {
        if (hasBiases(settings) && tensor.endsWith(".bias")) return;
        if (!plan.layers.has(tensor)) return await sink.whole(tensor, raw, digest);
        const ofBase = await base.stored.read(tensor);
        await sink.layer(tensor, await roundTable(ofBase, raw, settings, watch.signal));
      },
    },
    watch,
    kept,
  );
  return { baseHash: await base.hash(), fineHash: await fine.hash() };
}

/**
 * What a method will store of a fine-tune, known before a weight is read: size and bits a weight follow. Of one that
 * compares others it is the largest of theirs.
 *
 * @throws {OptionError} if there is no such method, variant or setting, or the method trains another one's
 * delta, or lays it out by what it measures.
 *
 * @example
 * ```ts
 * import { bitsPerWeight, Checkpoint, deltaBytes, planDelta, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-code"));
 * const plan = planDelta(fine, { method: "activation-aware" });
 * assert.ok(bitsPerWeight(plan) > 1 && bitsPerWeight(plan) < 1.01);
 * assert.ok(deltaBytes(plan) < 1e6);
 * ```
 */
export function planDelta(fine: StatedTensors, choice: MethodChoice): DeltaPlan {
  const { method, settings } = resolveMethod(choice);
  if (method.kind === "closed form") {
    if (method.measured) throw unplanned(method);
    return planOf(fine, method, settings);
  }
  if (method.kind === "chosen") {
    const plans = method.candidates(settings).map((candidate) => planDelta(fine, candidate));
    const largest = plans.toSorted((a, b) => deltaBytes(b) - deltaBytes(a))[0];
    return { ...largest, metadata: { ...largest.metadata, method: method.name, settings } };
  }
  if (method.kind === "allocated") {
    throw new OptionError({
      problem: "lays a delta out by what it measures of the pair",
      option: "method",
      value: method.name,
      expected: "a method whose layers have one form",
    });
  }
  throw new OptionError({
    problem: "trains a delta that it does not lay out",
    option: "method",
    value: method.name,
    expected: `a closed form, such as '${method.start(settings).method}', where it starts from`,
  });
}

function unplanned(method: ClosedForm<Settings>): OptionError {
  return new OptionError({
    problem: "stores as many bytes as the weights ask for, which are known when it is made",
    option: "method",
    value: method.name,
    expected: "a method whose bytes follow from shapes and settings",
  });
}

/** The configuration of the compressed model. */
function configOf({ config }: StatedTensors, settings: Settings): DecoderConfig {
  return hasBiases(settings) ? biasedConfig(config) : config;
}

function planOf(
  fine: StatedTensors,
  method: ClosedForm<Settings>,
  settings: Settings,
  hasBase: (table: string) => boolean = () => true,
): DeltaPlan {
  const config = configOf(fine, settings);
  const names = method.measured ? [] : linearLayerNames(config);
  const linear = names.map((name): [string, LayerForm] => {
    const shape = linearShape(config, name);
    return [name, formOf({ shape, ...method.form({ name, shape }, settings) })];
  });
  const tables: [string, LayerForm][] = [];
  const whole = new Map<string, TensorInfo>();
  for (const tensor of wholeTensorNames(config)) {
    if (hasBiases(settings) && tensor.endsWith(".bias")) {
      whole.set(tensor, { dtype: "F16", shape: tensorShape(config, tensor) });
      continue;
    }
    const { dtype, shape } = fine.info(tensor);
    const table = hasBase(tensor) ? tableForm(tensor, shape, settings) : null;
    if (table) tables.push([tensor, formOf(table)]);
    else whole.set(tensor, { dtype, shape });
  }
  const layers = new Map([...linear, ...tables]);
  return {
    metadata: {
      method: method.name,
      settings,
      baseHash: null,
      fineHash: null,
      version: writtenVersion(layers),
    },
    layers,
    whole,
  };
}

function checkStated({ name: method }: Method, tensor: string, stated: LayerForm, made: LayerForm) {
  const [expected, found] = [stated, made].map((form) => JSON.stringify(formOf(form)));
  if (found === expected) return;
  throw new DeltaError({
    problem: `is not stored as method '${method}' states`,
    tensor,
    value: found,
    expected,
  });
}

function rowPlan(
  fine: Checkpoint,
  method: ClosedForm<Settings>,
  settings: Settings,
  sequences: CalibrationSequences | null,
): RowPlan | null {
  if (!seesInputs(method, settings)) return null;
  const rows = method.rows(settings);
  if (rows === null) {
    throw new OptionError({
      problem: "sees inputs, and rows() returns none",
      option: "method",
      value: method.name,
      expected: "which rows of inputs it looks at",
    });
  }
  const text = requireText(method, fine, sequences);
  checkEnoughText(text);
  return planRows(text, rows);
}

/** @throws {TextError} if there is none, or it is none that the model knows. */
export function requireText(
  method: Method,
  fine: Checkpoint,
  sequences: CalibrationSequences | null,
): CalibrationSequences {
  if (sequences !== null) {
    checkSequences(sequences, fine.config.vocabularySize);
    return sequences;
  }
  throw new TextError({
    problem: "calibration text is missing",
    expected: `sequences for method '${method.name}'`,
  });
}
