/**
 * A comparison of candidates that writes a file, and goes on where it was stopped or killed: each candidate's delta
 * lies in a file beside the one that the nearest becomes, and a journal says which of them are whole and how near
 * they are. Not here: how a candidate's own run is kept (`kept_run.ts`).
 */

import * as v from "valibot";
import project from "../../deno.json" with { type: "json" };
import { digestOf } from "../checkpoint/blake3.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { filesKey } from "../checkpoint/files_key.ts";
import { openDelta } from "../delta/delta_file.ts";
import type { Engine } from "../graph/engine.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import { isThere, removeIfThere } from "../util/files.ts";
import { Journal, type RunKey } from "../util/journal.ts";
import { mayGoOn } from "./kept_run.ts";
import type { ResolvedMethod } from "./mod.ts";

const madeSchema = v.strictObject({
  candidate: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Of its file. */
  digest: v.string(),
  /** That it took. */
  seconds: v.pipe(v.number(), v.finite(), v.minValue(0)),
});
const scoredSchema = v.strictObject({ kls: v.array(v.pipe(v.number(), v.finite())) });

/** A comparison that is kept. Disposing of it lets the next one go on. */
export class KeptChoice implements AsyncDisposable {
  readonly #journal: Journal;
  readonly #made = new Map<number, v.InferOutput<typeof madeSchema>>();
  #kls: readonly number[] | null = null;

  private constructor(readonly path: string, readonly count: number, journal: Journal) {
    this.#journal = journal;
    for (const record of journal.records) {
      const [made, scored] = [v.safeParse(madeSchema, record), v.safeParse(scoredSchema, record)];
      if (made.success) this.#made.set(made.output.candidate, made.output);
      if (scored.success) this.#kls = scored.output.kls;
    }
  }

  /**
   * Opens the journal of a comparison, and takes up what is there of the same.
   *
   * @param path of the delta.
   * @param count of candidates.
   * @throws {OutputError} if another process has it, or it cannot be written.
   */
  static async open(path: string, state: string, key: RunKey, count: number): Promise<KeptChoice> {
    return new KeptChoice(path, count, await Journal.open(state, key));
  }

  /** Why nothing was taken up of what was there, in words. */
  get anew(): string | null {
    return this.#journal.anew;
  }

  /** How near each candidate was found to be by an earlier run. */
  get kls(): readonly number[] | null {
    return this.#kls;
  }

  /** A candidate's file. */
  file(candidate: number): string {
    return `${this.path}.candidate-${candidate + 1}`;
  }

  /** What a candidate's own run is kept in. */
  state(candidate: number): string {
    return `${this.file(candidate)}.journal`;
  }

  /** Seconds that an earlier run took for a candidate whose file is there; `null` if it is not, or another. */
  async secondsOf(candidate: number): Promise<number | null> {
    const made = this.#made.get(candidate);
    if (!made || !await isThere(this.file(candidate))) return null;
    using delta = await openDelta(this.file(candidate));
    return delta.digest === made.digest ? made.seconds : null;
  }

  /** Says that a candidate's file is whole. */
  async made(candidate: number, digest: string, seconds: number): Promise<void> {
    // Of what is made anew it is not known how near it is.
    this.#kls = null;
    await this.#journal.append({ candidate, digest, seconds });
    await removeIfThere(this.state(candidate));
  }

  /** Says how near all candidates are. */
  async scored(kls: readonly number[]): Promise<void> {
    await this.#journal.append({ kls });
  }

  /** Removes all but the delta. */
  async finish(): Promise<void> {
    for (let index = 0; index < this.count; index++) await removeIfThere(this.file(index));
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
}

/**
 * All that determines a comparison, by names for a person.
 *
 * @param code identity of the code that makes it, beside the library's version.
 */
export function choiceKey(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  { method, settings }: ResolvedMethod,
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
