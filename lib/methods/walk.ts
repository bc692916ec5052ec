/**
 * One walk over the weights of a pair: extraction, calibration and identity see each tensor of both
 * checkpoints once, in the order of the forward pass, and no more than one decoder layer is in memory.
 *
 * Not here: what a layer is compressed to (`method.ts`), where it goes (`compress.ts`).
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkNotAlike, noChange } from "../checkpoint/pair.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import { EMBEDDING, linearLayerNames, wholeTensorNames } from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { checkLayer } from "../codecs/layer.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import { ProgramCache } from "../graph/program_cache.ts";
import { DeltaError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import { collectRows, type RowPlan } from "./activations.ts";
import { CompressedStates } from "./compressed_states.ts";
import type { LayerInput } from "./method.ts";
import { PairReader } from "./pair_reader.ts";

/** Takes what a walk makes, as it is made. */
export interface WalkSink {
  /** A layer, in the order of the forward pass. */
  layer(name: string, layer: CompressedLayer): void | Promise<void>;
  /** A tensor that is kept whole, when it was read for the last time: the embedding early, others at the end. */
  whole(tensor: string, raw: RawTensor): void | Promise<void>;
}

/** Compresses a layer; `programs` keeps compiled graphs from layer to layer. */
export type CompressLayer = (
  layer: LayerInput,
  programs: ProgramCache,
) => Promise<CompressedLayer>;

/** What of the layers' inputs is looked at. */
export interface Sight {
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
  { rows, both }: Sight,
  compress: CompressLayer,
  sink: WalkSink,
  { onProgress, signal }: Watch = {},
): Promise<void> {
  const reader = new PairReader(base, fine);
  await using programs = new ProgramCache(engine);
  const names = linearLayerNames(fine.config);
  let done = 0;
  const take = async (name: string, fineInputs: Placed | null, compressed?: Compressed) => {
    signal?.throwIfAborted();
    const weights = await reader.takeLayer(name);
    const compressedInputs = compressed?.inputs ?? null;
    const layer = await compress({ ...weights, fineInputs, compressedInputs }, programs);
    checkLayer(name, layer);
    await sink.layer(name, layer);
    await compressed?.states.advance(name, layer, weights.base);
    onProgress?.({ done: ++done, total: names.length, label: name });
  };
  const whole = new Set(wholeTensorNames(fine.config));
  const takeWhole = async (tensor: string) => {
    if (whole.delete(tensor)) await sink.whole(tensor, await reader.takeWhole(tensor));
  };
  try {
    if (rows === null) {
      for (const name of names) await take(name, null);
    } else {
      using states = both
        ? new CompressedStates(programs, fine.config, rows, (tensor) => reader.readFine(tensor))
        : null;
      await collectRows(engine, reader.tensors, rows, async ({ layers, inputs }) => {
        signal?.throwIfAborted();
        using compressed = states && new Compressed(states, await states.inputs(layers));
        // What the first group reads was all that needed it, and it may be as large as a decoder layer.
        await takeWhole(EMBEDDING);
        for (const name of layers) await take(name, inputs, compressed ?? undefined);
      }, { signal });
    }
    for (const tensor of whole) await takeWhole(tensor);
  } catch (error) {
    // Of a model and itself no scale may be defined; that they are the same is what there is to say.
    if (error instanceof DeltaError && !reader.changed) await checkNotAlike(base, fine);
    throw error;
  }
  if (!reader.changed) throw noChange(base, fine);
}

/** The compressed model so far, and what a group of layers reads in it. */
class Compressed implements Disposable {
  constructor(readonly states: CompressedStates, readonly inputs: Placed) {}

  [Symbol.dispose](): void {
    this.inputs.release();
  }
}
