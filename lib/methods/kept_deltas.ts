/**
 * Deltas that another one is made from, by a run that goes on where it was stopped or killed: where training starts,
 * or candidates of which one is kept. Each lies in a file beside the delta, and a journal says which are whole and
 * how near they were found to be. Not here: how the run of each is kept (`kept_run.ts`).
 */

import * as v from "valibot";
import project from "../../deno.json" with { type: "json" };
import { digestOf } from "../checkpoint/blake3.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { filesKey } from "../checkpoint/files_key.ts";
import { type DeltaFile, openDelta } from "../delta/delta_file.ts";
import type { Engine } from "../graph/engine.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import { isThere, removeIfThere } from "../util/files.ts";
import { Journal, type RunKey } from "../util/journal.ts";
import type { Settings } from "../util/settings.ts";
import { mayGoOn, type Resumption } from "./kept_run.ts";
import type { Method } from "./method.ts";

const madeSchema = v.strictObject({
  made: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Of its file. */
  digest: v.string(),
  /** That it took. */
  seconds: v.pipe(v.number(), v.finite(), v.minValue(0)),
});
const scoredSchema = v.strictObject({ kls: v.array(v.pipe(v.number(), v.finite())) });

/** A delta that is there. Dispose of it to close its file. */
export interface KeptDelta extends Resumption, Disposable {
  readonly delta: DeltaFile;
}

/** Makes a delta in a file, and keeps its own run in a state. */
export type MakeKept = (
  file: string,
  state: string,
) => Promise<{ readonly delta: DeltaFile; readonly resumption: Resumption | null }>;

/** Deltas that are kept. Disposing of them lets the next run go on. */
export class KeptDeltas implements AsyncDisposable {
  readonly #journal: Journal;
  readonly #made = new Map<number, v.InferOutput<typeof madeSchema>>();
  #kls: readonly number[] | null = null;

  private constructor(readonly path: string, readonly count: number, journal: Journal) {
    this.#journal = journal;
    for (const record of journal.records) {
      const [made, scored] = [v.safeParse(madeSchema, record), v.safeParse(scoredSchema, record)];
      if (made.success) this.#made.set(made.output.made, made.output);
      if (scored.success) this.#kls = scored.output.kls;
    }
  }

  /**
   * Opens the journal of a run, and takes up what is there of the same.
   *
   * @param path of the delta that is made from them.
   * @param count of them.
   * @throws {OutputError} if another process has it, or it cannot be written.
   */
  static async open(path: string, state: string, key: RunKey, count: number): Promise<KeptDeltas> {
    return new KeptDeltas(path, count, await Journal.open(state, key));
  }

  /** Why nothing was taken up of what was there, in words. */
  get anew(): string | null {
    return this.#journal.anew;
  }

  /** How near each was found to be by an earlier run. */
  get kls(): readonly number[] | null {
    return this.#kls;
  }

  /**
   * One of them: as an earlier run left it, else made.
   *
   * @returns it with what of it was taken up of an earlier run.
   */
  async get(index: number, make: MakeKept): Promise<KeptDelta> {
    const [file, state] = [this.#file(index), `${this.#file(index)}.journal`];
    const whole = await this.#whole(index);
    if (whole !== null) {
      const delta = await openDelta(file);
      return taken(delta, { layers: delta.layers.size, seconds: whole, anew: null });
    }
    const started = performance.now();
    const { delta, resumption } = await make(file, state);
    const found = resumption ?? { layers: 0, seconds: 0, anew: null };
    // Of what is made anew it is not known how near it is.
    this.#kls = null;
    const seconds = found.seconds + (performance.now() - started) / 1000;
    await this.#journal.append({ made: index, digest: delta.digest!, seconds });
    await removeIfThere(state);
    return taken(delta, found);
  }

  /** One that was made. */
  async open(index: number): Promise<DeltaFile> {
    return await openDelta(this.#file(index));
  }

  /** Says how near all of them are. */
  async scored(kls: readonly number[]): Promise<void> {
    await this.#journal.append({ kls });
  }

  /** Removes them: the delta that is made from them is in its place. */
  async finish(): Promise<void> {
    for (let index = 0; index < this.count; index++) await removeIfThere(this.#file(index));
    await this.#journal.remove();
  }

  /** Keeps what a failed run has done where the next one may go on, else removes it. */
  async failed(error: unknown, signal?: AbortSignal): Promise<void> {
    if (!mayGoOn(error, signal)) await this.finish();
  }

  /** Lets go of the journal. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal[Symbol.asyncDispose]();
  }

  #file(index: number): string {
    return `${this.path}.part-${index + 1}`;
  }

  /** Seconds that an earlier run took for one whose file is there; `null` if it is not, or another. */
  async #whole(index: number): Promise<number | null> {
    const made = this.#made.get(index);
    if (!made || !await isThere(this.#file(index))) return null;
    using delta = await openDelta(this.#file(index));
    return delta.digest === made.digest ? made.seconds : null;
  }
}

function taken(delta: DeltaFile, resumption: Resumption): KeptDelta {
  return { ...resumption, delta, [Symbol.dispose]: () => delta[Symbol.dispose]() };
}

/**
 * All that determines what a method makes from other deltas, by names for a person.
 *
 * @param code identity of the code that makes it, beside the library's version.
 */
export function madeFromKey(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  { method, settings }: { readonly method: Method; readonly settings: Settings },
  { length, tokens, attentionMask }: CalibrationSequences,
  code: string,
): RunKey {
  return {
    journal: 1,
    version: project.version,
    code,
    engine: engine.identity,
    method: method.name,
    settings,
    origins: [base.origin, fine.origin],
    "calibration text": digestOf(JSON.stringify([length, [...tokens], [...attentionMask]])),
    base: filesKey(base),
    "fine-tune": filesKey(fine),
  };
}
