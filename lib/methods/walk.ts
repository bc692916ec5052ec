/**
 * One walk over the weights of a pair: extraction, calibration and identity see each tensor of both
 * checkpoints once. Layers of one decoder layer overlap: while one is compressed, others are read. What comes of
 * them is handed on in the order of the forward pass, and no more than a decoder layer is in memory.
 *
 * Not here: what a layer is compressed to (`method.ts`), where it goes (`compress.ts`).
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkNotAlike, noChange } from "../checkpoint/pair.ts";
import { keepRoom } from "../checkpoint/room.ts";
import { byteCount, type RawTensor } from "../checkpoint/tensor.ts";
import {
  EMBEDDING,
  linearLayerNames,
  PROJECTIONS,
  wholeTensorNames,
} from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { checkLayer } from "../codecs/layer.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import { ProgramCache } from "../graph/program_cache.ts";
import { DeltaError } from "../util/errors.ts";
import { inOrder } from "../util/in_order.ts";
import type { Progress, Watch } from "../util/progress.ts";
import type { LayerBorder } from "../model/pipeline.ts";
import { collectRows, type RowPlan } from "./activations.ts";
import { CompressedStates } from "./compressed_states.ts";
import { GroupWork } from "./group_work.ts";
import type { LayerInput } from "./method.ts";
import { type LayerWeights, PairReader } from "./pair_reader.ts";
import { WalkProgress } from "./walk_progress.ts";

/** Bytes of weights that layers hold while they are read and compressed at once, and more on a large engine. */
const LEAST_AHEAD = 2 ** 28;

/** Takes what a walk makes, as it is made. */
export interface WalkSink {
  /** A layer, in the order of the forward pass. */
  layer(name: string, layer: CompressedLayer): void | Promise<void>;
  /**
   * A tensor that is kept whole, when it was read for the last time: the embedding early, others at the end, but
   * all first where only weights are looked at.
   *
   * @param digest of its bytes, where they are the fine-tune's.
   */
  whole(tensor: string, raw: RawTensor, digest?: string): void | Promise<void>;
}

/** What a walk goes on from, and what it leaves for another to go on from. */
export interface WalkKept {
  /** Layers and whole tensors that an earlier walk handed on; the checkpoints know their digests. */
  readonly done: ReadonlySet<string>;
  /** Where its forward passes stood: all layers before are done. */
  readonly border: StatesBorder | null;
  /** A layer that it handed on. */
  readLayer(name: string): Promise<CompressedLayer>;
  /** Keeps where the forward passes stand now. */
  keepBorder(border: StatesBorder): Promise<void>;
}

/** Hidden states before a decoder layer, `[rows, hidden]` a batch. */
export interface StatesBorder {
  /** The decoder layer. */
  readonly next: number;
  /** Of the fine-tune and, where both inputs are looked at, of the compressed model so far after them. */
  readonly states: readonly Float32Array[];
}

/** Compresses a layer; `programs` keeps compiled graphs from layer to layer, `watch` is of this layer's parts. */
export type CompressLayer = (
  layer: LayerInput,
  programs: ProgramCache,
  watch: Watch,
) => Promise<CompressedLayer>;

/** What of the layers is looked at. */
export interface Sight {
  /** Whether weights are; else their signs and mean magnitude alone. */
  readonly weights: boolean;
  /** Rows of inputs; `null` where weights alone are looked at. */
  readonly rows: RowPlan | null;
  /** Whether the inputs of the compressed model so far are looked at too. */
  readonly both: boolean;
  /** What of the compressed model is otherwise than in the fine-tune; default: its linear layers alone. */
  readonly compressed?: {
    readonly config: DecoderConfig;
    /** A tensor that was made before; `undefined`: the fine-tune's stands there. */
    whole(tensor: string): RawTensor | undefined;
  };
}

/**
 * Walks over a pair. The hashes of both checkpoints read nothing more afterwards.
 *
 * @throws {CheckpointError} if Δ = 0 everywhere, or a weight is NaN or infinite.
 * @throws {DeltaError} if a compressed layer is not as its codecs lay it out.
 * @throws what `compress` and `sink` throw.
 */
export async function walk(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  { weights, rows, both, compressed }: Sight,
  compress: CompressLayer,
  sink: WalkSink,
  { onProgress, signal }: Watch = {},
  kept: WalkKept | null = null,
): Promise<void> {
  await using programs = new ProgramCache(engine);
  const names = linearLayerNames(fine.config);
  const bytesOf = ({ name }: Pick<Task, "name">) => {
    const held = weights ? [base, fine] : [];
    return held.reduce((sum, each) => sum + byteCount(each.info(`${name}.weight`)), 0);
  };
  const ofDecoderLayer = names.slice(0, PROJECTIONS.length)
    .reduce((sum, name) => sum + bytesOf({ name }), 0);
  const early = weights && rows !== null && ofDecoderLayer <= engine.memory.ahead;
  // One is taken while another is read.
  using _room = keepRoom(early ? 2 * ofDecoderLayer : 0);
  const isDone = kept?.done ?? new Set();
  const reader = new PairReader(base, fine, { early, done: isDone });
  const progress = new WalkProgress(base, fine, isDone, onProgress);
  for (const name of isDone) await reader.compare(progress.tensorOf(name));
  const make = async ({ name, ...shared }: Task): Promise<Made> => {
    const taken = await reader.takeLayer(name, { weights, signal });
    const watch = { signal, onProgress: (part: Progress) => progress.within(name, part) };
    const layer = await compress(Object.assign(taken, shared), programs, watch);
    checkLayer(name, layer);
    return { taken, layer };
  };
  const handOn = async ({ name, group, isLast }: Task, { taken, layer }: Made) => {
    if (isLast) await group[Symbol.asyncDispose]();
    await sink.layer(name, layer);
    if (weights && !both) reader.giveBack(taken, layer);
    progress.tookLayer(name);
  };
  const groupsOfLayers = new Set<GroupWork>();
  /** Tasks of a group of layers, or what of it is left to do. */
  const tasksOf = (layers: readonly string[], inputs: Inputs): Task[] => {
    const group = new GroupWork();
    groupsOfLayers.add(group);
    const left = layers.filter((name) => !isDone.has(name));
    return left.map((name, at) => ({ name, ...inputs, group, isLast: at === left.length - 1 }));
  };
  const mostBytes = Math.max(LEAST_AHEAD, engine.memory.bytes / 32);
  const overlap = { most: PROJECTIONS.length, mostBytes, bytesOf };
  const whole = new Set(wholeTensorNames(fine.config).filter((tensor) => !isDone.has(tensor)));
  const takeWhole = async (tensors: Iterable<string>) => {
    const taken = [...tensors].filter((tensor) => whole.delete(tensor));
    const bytesOf = (tensor: string) => byteCount(fine.info(tensor));
    const take = (tensor: string) => reader.takeWhole(tensor, signal);
    await inOrder(taken, { ...overlap, bytesOf }, take, async (tensor, raw) => {
      await sink.whole(tensor, raw, await fine.digest(tensor));
      progress.tookWhole(tensor);
    }, signal);
  };
  try {
    if (rows === null) {
      await takeWhole([...whole]);
      const tasks = names.flatMap((name) =>
        tasksOf([name], { fineInputs: null, compressedInputs: null })
      );
      await inOrder(tasks, overlap, make, handOn, signal);
    } else if (names.some((name) => !isDone.has(name))) {
      using states = both
        ? new CompressedStates(
          programs,
          compressed?.config ?? fine.config,
          rows,
          async (tensor) => compressed?.whole(tensor) ?? await reader.readFine(tensor),
        )
        : null;
      const from = kept?.border && await placeBorder(engine, kept.border, rows, states);
      const between = kept
        ? (border: LayerBorder) => keepBorder(engine, kept, border, states)
        : undefined;
      await collectRows(engine, reader.tensors, rows, async (groups) => {
        signal?.throwIfAborted();
        // What a decoder layer reads was all that needed it, and it may be as large as that.
        if (!states) await takeWhole([EMBEDDING]);
        const tasks = groups.flatMap(({ layers, inputs }) =>
          tasksOf(layers, { fineInputs: inputs, compressedInputs: null })
        );
        // What was read of them was for the layers after them alone.
        for (const name of isDone) reader.drop(progress.tensorOf(name));
        if (!states) return await inOrder(tasks, overlap, make, handOn, signal);
        for (const { layers, inputs } of groups) {
          using ofCompressed = new Compressed(await states.inputs(layers));
          await takeWhole([EMBEDDING]);
          const read = { fineInputs: inputs, compressedInputs: ofCompressed.inputs };
          const tasks = new Map(tasksOf(layers, read).map((task) => [task.name, task]));
          for (const name of layers) {
            signal?.throwIfAborted();
            const task = tasks.get(name);
            if (!task) {
              const weight = await base.readDigested(`${name}.weight`);
              await states.advance(name, await kept!.readLayer(name), weight);
              continue;
            }
            const made = await make(task);
            await handOn(task, made);
            await states.advance(name, made.layer, made.taken.base);
            if (weights) reader.giveBack(made.taken, made.layer);
          }
        }
      }, { signal, from, between });
    }
    await takeWhole([...whole]);
    await reader.passBy(signal);
  } catch (error) {
    // Of a model and itself no scale may be defined; that they are the same is what there is to say.
    if (error instanceof DeltaError && !reader.changed) await checkNotAlike(base, fine);
    throw error;
  } finally {
    for (const group of groupsOfLayers) await group[Symbol.asyncDispose]();
  }
  if (!reader.changed) throw noChange(base, fine);
}

/** A layer to be compressed. */
interface Task extends Inputs, Pick<LayerInput, "name" | "group"> {
  /** Whether no other layer of its group comes after it. */
  readonly isLast: boolean;
}

/** What a group of layers reads. */
type Inputs = Pick<LayerInput, "fineInputs" | "compressedInputs">;

/** What a layer was and what became of it. */
interface Made {
  readonly taken: LayerWeights;
  readonly layer: CompressedLayer;
}

/** What a group of layers reads in the compressed model so far. */
class Compressed implements Disposable {
  constructor(readonly inputs: Placed) {}

  [Symbol.dispose](): void {
    this.inputs.release();
  }
}

/** The states of an earlier walk, where the engine can go on from them. */
async function placeBorder(
  engine: Engine,
  { next, states }: StatesBorder,
  { batches }: RowPlan,
  compressed: CompressedStates | null,
): Promise<LayerBorder> {
  const placed = await Promise.all(states.map((each) => engine.place(each, "hidden states")));
  compressed?.goOn(placed.splice(batches.length));
  return { next, states: placed };
}

async function keepBorder(
  engine: Engine,
  kept: WalkKept,
  { next, states }: LayerBorder,
  compressed: CompressedStates | null,
): Promise<void> {
  const numbers = await engine.read([...states, ...compressed?.hidden ?? []]);
  await kept.keepBorder({ next, states: numbers as Float32Array[] });
}
