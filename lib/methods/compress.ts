/** One call for every method: from a pair and calibration text to a delta, in memory or in a file. */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkPair, isLargePair } from "../checkpoint/pair.ts";
import { isLittle } from "../checkpoint/room.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { type DeltaMetadata, memoryDelta } from "../delta/delta.ts";
import { type DeltaFile, openDelta } from "../delta/delta_file.ts";
import { DeltaWriter, writeDelta } from "../delta/delta_writer.ts";
import type { Engine } from "../graph/engine.ts";
import { type CalibrationSequences, checkEnoughText } from "../texts/sequences.ts";
import { Backlog } from "../util/backlog.ts";
import type { Watch } from "../util/progress.ts";
import type { Settings } from "../util/settings.ts";
import { allocate } from "./allocation/allocate.ts";
import { sensitivityFile } from "./allocation/kept_harm.ts";
import { choose, chooseToFile, type MakeFile } from "./choose.ts";
import {
  type ClosedFormRun,
  prepareClosedForm,
  requireText,
  runClosedForm,
} from "./closed_form.ts";
import { KeptRun, type Resumption, runKey } from "./kept_run.ts";
import { writeMeasured } from "./spooled_layers.ts";
import type { MethodChoice, TrainedDelta } from "./method.ts";
import { readsText, resolveMethod } from "./mod.ts";
import { hasBiases } from "./output_bias.ts";
import { refuseState } from "./refuse_state.ts";
import { trainToFile } from "./train_to_file.ts";
import { tablesLast } from "./tables.ts";

/** Bytes of large tensors that are read and not yet written: an embedding and a head of seven billion weights. */
const MOST_UNWRITTEN = 2 ** 29;

/** How a compression is watched, and kept where it is interrupted. */
export interface CompressOptions extends Watch {
  /**
   * File that an unfinished run is kept in, for another that is asked for the same to go on from. A method that
   * trains saves its run there at times and when it is stopped, refuses the state of another run, and leaves it to
   * the caller to remove once the delta is safe; default: none. Any other that writes a file keeps a journal
   * there, layer by layer, begins anew where it is of another run, and removes it at its end; default: beside the
   * delta's file where the pair is large, else none.
   */
  readonly state?: string;
}

/** How a compression goes to its file. */
export interface CompressToFileOptions extends CompressOptions {
  /** What the file's settings tell beside the method's own: the text, its seed, where it was computed. */
  readonly notes?: Settings;
  /** Identity of the code that makes the delta: a journal of other code is begun anew. Default: the version alone. */
  readonly code?: () => Promise<string>;
}

/** A delta that was made in its file. */
export interface CompressedFile extends TrainedDelta {
  /** Open; its layers are read when asked for. Dispose of it. */
  readonly delta: DeltaFile;
  /** What was taken up of an earlier run; `null` for one that was not kept, and for a method that trains. */
  readonly resumption: Resumption | null;
}

/**
 * Compresses a fine-tune: each linear layer by the method, every other tensor kept whole. All of the delta is
 * in memory; {@linkcode compressToFile} holds a decoder layer of it.
 *
 * @param sequences calibration text; `null` will do for a method that sees weights alone.
 * @returns the delta, and the loss before each step of a method that trains.
 * @throws {OptionError} if there is no such method, variant or setting, or a state for a method that trains
 * nothing.
 * @throws {TrainingStateError} if the state is of another run.
 * @throws {CheckpointError} if the two checkpoints do not match or are the same, or a weight is NaN or infinite.
 * @throws {TextError} if there is too little calibration text, or it has tokens that the model does not know.
 * @throws {DeltaError} if a layer's inputs leave its numbers undefined, or a method stores one otherwise than
 * it states.
 *
 * @example
 * ```ts
 * import { compress, linearLayerNames, Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const { delta } = await compress(pair.engine, pair.base, pair.fine, { method: "initial" }, null);
 * assert.deepEqual([...delta.layers.keys()], linearLayerNames(pair.base.config));
 * ```
 */
export async function compress(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  choice: MethodChoice,
  sequences: CalibrationSequences | null,
  { state, ...watch }: CompressOptions = {},
): Promise<TrainedDelta> {
  const { method, settings } = resolveMethod(choice);
  checkPair(base, fine);
  if (method.kind === "closed form") {
    refuseState(method, state);
    const run = prepareClosedForm(base, fine, method, settings, sequences);
    return await inMemory(engine, base, fine, run, watch);
  }
  const text = requireText(method, fine, sequences);
  if (method.kind === "allocated") {
    refuseState(method, state);
    const allocation = { engine, base, fine, method, settings, sequences: text };
    const noted = (metadata: DeltaMetadata) => ({ ...metadata, ...originsOf(base, fine) });
    const made = await allocate(allocation, { ...watch, state: null, code: "", noted });
    const run = prepareClosedForm(base, fine, made.method, made.settings, text);
    return await inMemory(engine, base, fine, run, made.watch);
  }
  if (method.kind === "chosen") {
    refuseState(method, state);
    const comparison = { engine, base, fine, method, settings, sequences: text };
    const make: Parameters<typeof choose>[1] = (candidate, seen, watch) =>
      compress(engine, base, fine, candidate, seen, watch);
    return await choose(comparison, make, watch);
  }
  checkEnoughText(text, method.batch(settings));
  const first = await compress(engine, base, fine, method.start(settings), sequences, watch);
  const input = { engine, base, fine, start: first.delta, sequences: text, state, ...watch };
  return await method.train(input, settings);
}

/**
 * {@linkcode compress} into a file, the same to the byte as its delta written by {@linkcode writeDelta}.
 *
 * What a closed form makes is written as it is made, so that no more than one decoder layer of the pair and
 * the delta is in memory beside the engine's. What trains holds its delta in memory until it is trained.
 *
 * @param path of the file; it holds the old or the new content, never a part. A run that is stopped, killed or
 * refused by the disk leaves what the same call goes on from, where it is kept: `<path>.unfinished` and a journal,
 * `<path>.journal` unless a state is named; any other, and one of a method whose bytes depend on the weights, leaves
 * nothing.
 * @throws as {@linkcode compress}.
 * @throws {OutputError} if the file cannot be written.
 *
 * @example
 * ```ts
 * import { compressToFile, onnxEngine, Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/delta.safetensors`;
 * const { base, fine } = pair;
 * const made = await compressToFile(path, onnxEngine(), base, fine, { method: "initial" }, null);
 * {
 *   using delta = made.delta;
 *   const layer = await delta.readLayer("model.layers.0.mlp.up_proj");
 *   assert.equal(layer.terms[0].codec, "signs");
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function compressToFile(
  path: string,
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  choice: MethodChoice,
  sequences: CalibrationSequences | null,
  { notes = {}, code, ...options }: CompressToFileOptions = {},
): Promise<CompressedFile> {
  const { method, settings } = resolveMethod(choice);
  const noted = (metadata: DeltaMetadata): DeltaMetadata => ({
    ...metadata,
    ...originsOf(base, fine),
    settings: { ...metadata.settings, ...notes },
  });
  const { state, ...watch } = options;
  // Inputs that an earlier run had come to hold biases, which no journal has.
  if (hasBiases(settings)) refuseState(method, state);
  const isKept = isLargePair(base, fine) && !hasBiases(settings);
  const journal = state ?? (isKept ? `${path}.journal` : null);
  const make: MakeFile = (file, other, text, options) =>
    compressToFile(file, engine, base, fine, other, text, { ...options, code });
  const keeping = { ...watch, state: journal!, code, noted };
  if (method.kind === "trained" && state !== undefined && readsText(method.start(settings))) {
    const text = requireText(method, fine, sequences);
    checkPair(base, fine);
    checkEnoughText(text, method.batch(settings));
    const training = { engine, base, fine, method, settings, sequences: text };
    const trained = await trainToFile(path, training, make, keeping);
    return { ...trained, delta: await openDelta(path), resumption: null };
  }
  if (method.kind === "trained" || method.kind === "chosen" && journal === null) {
    const { delta, losses } = await compress(engine, base, fine, choice, sequences, options);
    await writeDelta(path, { ...delta, metadata: noted(delta.metadata) });
    return { delta: await openDelta(path), losses, resumption: null };
  }
  checkPair(base, fine);
  if (method.kind === "chosen") {
    const text = requireText(method, fine, sequences);
    const comparison = { engine, base, fine, method, settings, sequences: text };
    const resumption = await chooseToFile(path, comparison, make, keeping);
    return { delta: await openDelta(path), losses: [], resumption };
  }
  const form = method.kind === "allocated"
    ? await allocate(
      { engine, base, fine, method, settings, sequences: requireText(method, fine, sequences) },
      { ...watch, state: sensitivityFile(path), code: await code?.() ?? "", noted },
    )
    : { method, settings, watch };
  const run = prepareClosedForm(base, fine, form.method, form.settings, sequences);
  if (form.method.measured) {
    refuseState(method, state);
    await writeMeasured(path, { engine, base, fine, run, noted }, form.watch);
    return { delta: await openDelta(path), losses: [], resumption: null };
  }
  const plan = { ...run.plan, metadata: noted(run.plan.metadata) };
  if (journal === null) {
    await using writer = await DeltaWriter.open(path, plan);
    await writeClosedForm(engine, base, fine, run, writer, null, form.watch);
    return { delta: await openDelta(path), losses: [], resumption: null };
  }
  const key = runKey(engine, base, fine, run, plan, await code?.() ?? "");
  await using kept = await KeptRun.open(path, journal, plan, key, base, fine);
  const { resumption } = kept;
  try {
    await writeClosedForm(engine, base, fine, run, kept.writer, kept, form.watch);
  } catch (error) {
    await kept.failed(error, watch.signal);
    throw error;
  }
  await kept.finish();
  return { delta: await openDelta(path), losses: [], resumption };
}

async function inMemory(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  run: ClosedFormRun,
  watch: Watch,
): Promise<TrainedDelta> {
  const [layers, whole] = [new Map<string, CompressedLayer>(), new Map<string, RawTensor>()];
  const hashes = await runClosedForm(engine, base, fine, run, {
    layer: (name, layer) => void layers.set(name, layer),
    whole: (tensor, raw) => void whole.set(tensor, raw),
  }, watch);
  const metadata = { ...run.plan.metadata, ...originsOf(base, fine), ...hashes };
  return { delta: memoryDelta(tablesLast(layers), whole, metadata), losses: [] };
}

async function writeClosedForm(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  run: ClosedFormRun,
  writer: DeltaWriter,
  kept: KeptRun | null,
  watch: Watch,
): Promise<void> {
  await using backlog = new Backlog(MOST_UNWRITTEN);
  const hashes = await runClosedForm(
    engine,
    base,
    fine,
    run,
    {
      async layer(name, layer) {
        await writer.writeLayer(name, layer);
        await kept?.wrote(name);
      },
      async whole(tensor, raw, digest) {
        const write = async () => {
          await writer.writeWhole(tensor, raw, digest);
          await kept?.wrote(tensor);
        };
        await (isLittle(raw.bytes.length) ? write() : backlog.add(raw.bytes.length, write));
      },
    },
    watch,
    kept,
  );
  await backlog.done();
  await writer.finish(hashes);
}

/** Where a pair was fetched from, of what was. */
function originsOf(base: Checkpoint, fine: Checkpoint): Pick<DeltaMetadata, "base" | "fine"> {
  return {
    ...(base.origin === null ? {} : { base: base.origin }),
    ...(fine.origin === null ? {} : { fine: fine.origin }),
  };
}
