/**
 * A method that trains from a delta that takes long to make, into a file: the start lies in a file of its own until
 * training is done, so that a run that was stopped or killed makes it once. How it is made comes from outside
 * (`compress.ts`).
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { withMetadata } from "../delta/delta.ts";
import { writeDelta } from "../delta/delta_writer.ts";
import type { Engine } from "../graph/engine.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import type { Settings } from "../util/settings.ts";
import type { KeptMaking, MakeFile } from "./choose.ts";
import { KeptDeltas, madeFromKey } from "./kept_deltas.ts";
import type { Trained, TrainedDelta } from "./method.ts";

/** A training, all that it depends on chosen. */
export interface Training {
  readonly engine: Engine;
  readonly base: Checkpoint;
  readonly fine: Checkpoint;
  readonly method: Trained<Settings>;
  readonly settings: Settings;
  readonly sequences: CalibrationSequences;
}

/**
 * Makes the start, trains, and writes what that comes to.
 *
 * @param state of the training, which its caller removes; that of the start stands beside it, with `.start` after
 * its name, and is removed here.
 * @throws what `make` and the method throw.
 * @throws {OutputError} if a file cannot be written.
 */
export async function trainToFile(
  path: string,
  training: Training,
  make: MakeFile,
  { state, code, noted, ...watch }: KeptMaking,
): Promise<Omit<TrainedDelta, "delta">> {
  const { engine, base, fine, method, settings, sequences } = training;
  const key = madeFromKey(engine, base, fine, training, sequences, await code?.() ?? "");
  await using kept = await KeptDeltas.open(path, `${state}.start`, key, 1);
  try {
    using start = await kept.get(
      0,
      (file, state) => make(file, method.start(settings), sequences, { ...watch, state }),
    );
    const input = { engine, base, fine, start: start.delta, sequences, state, ...watch };
    const { delta, resumedSeconds = 0, ...trained } = await method.train(input, settings);
    await writeDelta(path, withMetadata(delta, noted(delta.metadata)));
    await kept.finish();
    return { ...trained, resumedSeconds: resumedSeconds + start.seconds };
  } catch (error) {
    await kept.failed(error, watch.signal);
    throw error;
  }
}
