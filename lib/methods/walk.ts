/**
 * One walk over the weights of a pair: extraction, calibration and identity see each tensor of both
 * checkpoints once. Layers of one decoder layer overlap: while one is compressed, others are read. What comes of
 * them is handed on in the order of the forward pass, and no more than a decoder layer is in memory.
 *
 * Not here: what a layer is compressed to (`method.ts`), where it goes (`compress.ts`).
 */

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
import type { Watch } from "../util/progress.ts";
import { collectRows, type RowPlan } from "./activations.ts";
import { CompressedStates } from "./compressed_states.ts";
import type { LayerInput } from "./method.ts";
import { type LayerWeights, PairReader } from "./pair_reader.ts";

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
   * @param digest of its bytes.
   */
  whole(tensor: string, raw: RawTensor, digest: string): void | Promise<void>;
}

/** Compresses a layer; `programs` keeps compiled graphs from layer to layer. */
export type CompressLayer = (
  layer: LayerInput,
  programs: ProgramCache,
) => Promise<CompressedLayer>;

/** What of the layers is looked at. */
export interface Sight {
  /** Whether weights are; else their signs and mean magnitude alone. */
  readonly weights: boolean;
  /** Rows of inputs; `null` where weights alone are looked at. */
  readonly rows: RowPlan | null;
  /** Whether the inputs of the compressed model so far are looked at too. */
  readonly both: boolean;
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
  { weights, rows, both }: Sight,
  compress: CompressLayer,
  sink: WalkSink,
  { onProgress, signal }: Watch = {},
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
  const reader = new PairReader(base, fine, { early });
  let done = 0;
  const make = async ({ name, fineInputs, compressedInputs }: Task): Promise<Made> => {
    const taken = await reader.takeLayer(name, { weights, signal });
    const layer = await compress(Object.assign(taken, { fineInputs, compressedInputs }), programs);
    checkLayer(name, layer);
    return { taken, layer };
  };
  const handOn = async ({ name }: Task, { taken, layer }: Made) => {
    await sink.layer(name, layer);
    if (weights && !both) reader.giveBack(taken, layer);
    onProgress?.({ done: ++done, total: names.length, label: name });
  };
  const mostBytes = Math.max(LEAST_AHEAD, engine.memory.bytes / 32);
  const overlap = { most: PROJECTIONS.length, mostBytes, bytesOf };
  const whole = new Set(wholeTensorNames(fine.config));
  const takeWhole = async (tensors: Iterable<string>) => {
    const taken = [...tensors].filter((tensor) => whole.delete(tensor));
    const bytesOf = (tensor: string) => byteCount(fine.info(tensor));
    const take = (tensor: string) => reader.takeWhole(tensor, signal);
    await inOrder(taken, { ...overlap, bytesOf }, take, async (tensor, raw) => {
      await sink.whole(tensor, raw, await fine.digest(tensor));
    }, signal);
  };
  try {
    if (rows === null) {
      await takeWhole([...whole]);
      const tasks = names.map((name) => ({ name, fineInputs: null, compressedInputs: null }));
      await inOrder(tasks, overlap, make, handOn, signal);
    } else {
      using states = both
        ? new CompressedStates(programs, fine.config, rows, (tensor) => reader.readFine(tensor))
        : null;
      await collectRows(engine, reader.tensors, rows, async (groups) => {
        signal?.throwIfAborted();
        // What a decoder layer reads was all that needed it, and it may be as large as that.
        if (!states) await takeWhole([EMBEDDING]);
        const tasks = groups.flatMap(({ layers, inputs }) =>
          layers.map((name) => ({ name, fineInputs: inputs, compressedInputs: null }))
        );
        if (!states) return await inOrder(tasks, overlap, make, handOn, signal);
        for (const { layers, inputs } of groups) {
          using compressed = new Compressed(await states.inputs(layers));
          await takeWhole([EMBEDDING]);
          for (const name of layers) {
            signal?.throwIfAborted();
            const task = { name, fineInputs: inputs, compressedInputs: compressed.inputs };
            const made = await make(task);
            await handOn(task, made);
            await states.advance(name, made.layer, made.taken.base);
            if (weights) reader.giveBack(made.taken, made.layer);
          }
        }
      }, { signal });
    }
    await takeWhole([...whole]);
    await reader.passBy(signal);
  } catch (error) {
    // Of a model and itself no scale may be defined; that they are the same is what there is to say.
    if (error instanceof DeltaError && !reader.changed) await checkNotAlike(base, fine);
    throw error;
  }
  if (!reader.changed) throw noChange(base, fine);
}

/** A layer to be compressed. */
type Task = Pick<LayerInput, "name" | "fineInputs" | "compressedInputs">;

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
