/**
 * A closed form's run that goes on where it was stopped or killed: its delta grows in an unfinished file beside the
 * one that it will be, and a journal says what of it is done, the digests of both checkpoints so far, and where the
 * forward passes stand. Not here: when a run is kept (`compress.ts`).
 */

import * as v from "valibot";
import project from "../../deno.json" with { type: "json" };
import { digestOf } from "../checkpoint/blake3.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { filesKey } from "../checkpoint/files_key.ts";
import { isTable, linearLayerNames, PROJECTIONS } from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { formOf, layerParts } from "../codecs/layer.ts";
import { DeltaDraft } from "../delta/delta_draft.ts";
import { type DeltaPlan, DeltaWriter } from "../delta/delta_writer.ts";
import type { Engine } from "../graph/engine.ts";
import { DeviceError, InputError, OutputError } from "../util/errors.ts";
import { Journal, type KeptBytes, type RunKey } from "../util/journal.ts";
import type { RowPlan } from "./activations.ts";
import type { ClosedFormRun } from "./closed_form.ts";
import type { StatesBorder, WalkKept } from "./walk.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const doneSchema = v.strictObject({
  /** A linear layer or a whole tensor. */
  done: v.string(),
  /** Of its entries in the file. */
  digests: v.record(v.string(), v.string()),
  /** Of the tensor in both checkpoints; `null` where the base has none. */
  base: v.nullable(v.string()),
  fine: v.string(),
  /** That the run has taken until then. */
  seconds: v.pipe(v.number(), v.finite(), v.minValue(0)),
});
const borderSchema = v.strictObject({
  border: count,
  /** Of each batch's states, in numbers. */
  lengths: v.array(count),
  kept: v.strictObject({ at: count, byteLength: count, digest: v.string() }),
});
type Border = v.InferOutput<typeof borderSchema>;

/** What came of an earlier run. */
export interface Resumption {
  /** Linear layers that it had done. */
  readonly layers: number;
  /** That it had taken for all that was done. */
  readonly seconds: number;
  /** Why what it left was not taken up, in words; `null` if it was, or there was nothing. */
  readonly anew: string | null;
}

/** A run that is kept. Disposing of it lets the next one go on. */
export class KeptRun implements WalkKept, AsyncDisposable {
  readonly #journal: Journal;
  readonly #draft: DeltaDraft;
  readonly #pair: readonly [base: Checkpoint, fine: Checkpoint];
  readonly #done = new Set<string>();
  #border: StatesBorder | null = null;
  #seconds = 0;
  readonly #started = performance.now();
  /** What of an earlier run could not be taken up though it was of this key. */
  #lost: string | null = null;

  private constructor(
    readonly writer: DeltaWriter,
    draft: DeltaDraft,
    journal: Journal,
    pair: readonly [base: Checkpoint, fine: Checkpoint],
  ) {
    this.#draft = draft;
    this.#journal = journal;
    this.#pair = pair;
  }

  /**
   * Opens the unfinished file of a delta and its journal, and takes up what is there of the same run.
   *
   * @param path of the delta.
   * @param state of the journal.
   * @throws {OutputError} if another process is at them, or they cannot be written.
   */
  static async open(
    path: string,
    state: string,
    plan: DeltaPlan,
    key: RunKey,
    base: Checkpoint,
    fine: Checkpoint,
  ): Promise<KeptRun> {
    await using opened = new AsyncDisposableStack();
    const draft = opened.use(await DeltaDraft.open(path, plan));
    const journal = opened.use(await Journal.open(state, key));
    const writer = await DeltaWriter.open(path, plan, draft);
    const run = new KeptRun(writer, draft, journal, [base, fine]);
    await run.#takeUp(plan);
    opened.move();
    return run;
  }

  /** As of {@linkcode WalkKept}. */
  get done(): ReadonlySet<string> {
    return this.#done;
  }

  /** As of {@linkcode WalkKept}. */
  get border(): StatesBorder | null {
    return this.#border;
  }

  /** What of an earlier run is taken up. */
  get resumption(): Resumption {
    const layers = linearLayerNames(this.#pair[1].config).filter((name) => this.#done.has(name));
    const anew = this.#journal.anew ?? this.#lost;
    return { layers: layers.length, seconds: this.#seconds, anew };
  }

  /** As of {@linkcode WalkKept}. */
  async readLayer(name: string): Promise<CompressedLayer> {
    return await this.#draft.readLayer(name);
  }

  /** Says that a layer, or a whole tensor, is in the file. */
  async wrote(name: string): Promise<void> {
    const tensor = tensorOf(this.#draft.plan, name);
    const digests = entriesOf(this.#draft.plan, name)
      .map((entry) => [entry, this.writer.digests.get(entry)!]);
    const [base, fine] = this.#pair.map((each) =>
      each.has(tensor) ? each.source(tensor).digest : null
    );
    const seconds = this.#seconds + (performance.now() - this.#started) / 1000;
    const record = { done: name, digests: Object.fromEntries(digests), base, fine, seconds };
    await this.#journal.append(record);
  }

  /** As of {@linkcode WalkKept}. */
  async keepBorder({ next, states }: StatesBorder): Promise<void> {
    const parts = states.map((each) =>
      new Uint8Array(each.buffer, each.byteOffset, each.byteLength)
    );
    const byteLength = parts.reduce((sum, { length }) => sum + length, 0);
    // The border before stays until this one counts.
    const kept: KeptBytes = await this.#journal.keep(parts, next % 2 * byteLength);
    const lengths = states.map(({ length }) => length);
    await this.#journal.append({ border: next, lengths, kept } satisfies Border);
  }

  /** Removes the journal of a run whose file is in its place. */
  async finish(): Promise<void> {
    await this.#journal.remove();
  }

  /** Keeps what a failed run has done where the next one may go on, else removes it. */
  async failed(error: unknown, signal?: AbortSignal): Promise<void> {
    if (mayGoOn(error, signal) && this.writer.digests.size > 0) return;
    await this.#journal.remove();
    await this.#draft.remove();
  }

  /** Lets go of both files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#draft[Symbol.asyncDispose]();
    await this.#journal[Symbol.asyncDispose]();
  }

  async #takeUp(plan: DeltaPlan): Promise<void> {
    const found = new Map<string, v.InferOutput<typeof doneSchema>>();
    const borders: Border[] = [];
    for (const record of this.#journal.records) {
      const [done, border] = [v.safeParse(doneSchema, record), v.safeParse(borderSchema, record)];
      if (done.success) found.set(done.output.done, done.output);
      if (border.success) borders.push(border.output);
    }
    for (const [name, record] of found) {
      if (await this.#holds(plan, name, record)) this.#note(plan, name, record);
    }
    this.#seconds = Math.max(0, ...[...found.values()].map(({ seconds }) => seconds));
    if (this.#done.size < found.size) this.#lost = "what it had written is not there as it was";
    for (const border of borders.toReversed()) {
      this.#border ??= await this.#statesOf(border);
    }
  }

  /** Whether the file has all entries of a layer or tensor as they were written. */
  async #holds(
    plan: DeltaPlan,
    name: string,
    { digests }: v.InferOutput<typeof doneSchema>,
  ): Promise<boolean> {
    if (!plan.layers.has(name) && !plan.whole.has(name)) return false;
    for (const entry of entriesOf(plan, name)) {
      const digest = digests[entry];
      if (digest === undefined || !await this.#draft.holds(entry, digest)) return false;
    }
    return true;
  }

  #note(
    plan: DeltaPlan,
    name: string,
    { digests, ...read }: v.InferOutput<typeof doneSchema>,
  ): void {
    const [base, fine] = this.#pair;
    const tensor = tensorOf(plan, name);
    if (read.base !== null && base.has(tensor)) base.noteDigest(tensor, read.base);
    fine.noteDigest(tensor, read.fine);
    this.writer.adopt(entriesOf(plan, name).map((entry) => [entry, digests[entry]]));
    this.#done.add(name);
  }

  /** States that are there as they were, of a border before which all is done. */
  async #statesOf({ border: next, lengths, kept }: Border): Promise<StatesBorder | null> {
    const before = linearLayerNames(this.#pair[1].config).slice(0, next * PROJECTIONS.length);
    if (!before.every((name) => this.#done.has(name))) return null;
    const bytes = await this.#journal.kept(kept);
    if (!bytes || 4 * lengths.reduce((sum, each) => sum + each, 0) !== bytes.length) return null;
    let at = 0;
    const states = lengths.map((length) =>
      new Float32Array(bytes.buffer, 4 * at, (at += length, length))
    );
    return { next, states };
  }
}

/** Whether the same call may come further than a run that ended so: it was stopped, or ended by no fault of its input. */
export function mayGoOn(error: unknown, signal?: AbortSignal): boolean {
  const isStopped = signal?.aborted && error === signal.reason;
  return isStopped || error instanceof OutputError || error instanceof DeviceError ||
    !(error instanceof InputError);
}

/**
 * All that determines a closed form's delta, by names for a person.
 *
 * @param code identity of the code that makes it, beside the library's version.
 */
export function runKey(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  { rows }: ClosedFormRun,
  { metadata, layers, whole }: DeltaPlan,
  code: string,
): RunKey {
  const forms = [...layers].map(([name, form]) => [name, formOf(form)]);
  return {
    journal: 1,
    version: project.version,
    code,
    engine: engine.identity,
    method: metadata.method,
    settings: metadata.settings,
    origins: [metadata.base ?? null, metadata.fine ?? null],
    forms: digestOf(JSON.stringify([forms, [...whole]])),
    "calibration text": rows && textDigest(rows),
    base: filesKey(base),
    "fine-tune": filesKey(fine),
  };
}

function textDigest({ shape, batches, wanted }: RowPlan): string {
  const numbers = batches.map((
    { tokens, attentionMask },
  ) => [[...tokens], [...attentionMask ?? []]]);
  return digestOf(JSON.stringify([shape, numbers, wanted]));
}

function tensorOf({ layers }: DeltaPlan, name: string): string {
  return layers.has(name) && !isTable(name) ? `${name}.weight` : name;
}

function entriesOf({ layers }: DeltaPlan, name: string): string[] {
  const layer = layers.get(name);
  return layer ? layerParts(name, layer).map(({ entry }) => entry) : [name];
}
