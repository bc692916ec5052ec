/**
 * An evaluation that goes on where it was stopped or killed: a journal says which batches of windows are scored, what
 * the reference says of them, and where the states of a streamed model stand between two of its layers. Not here:
 * scoring (`evaluator.ts`), running (`window_states.ts`).
 */

import * as v from "valibot";
import { digestOf } from "../checkpoint/blake3.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import type { LayerBorder } from "../model/pipeline.ts";
import { Journal, type KeptBytes, type RunKey } from "../util/journal.ts";
import type { RowScores } from "./scoring_head.ts";
import type { WindowBatch } from "./window_batches.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const recordSchema = v.strictObject({
  /** Which pass of a model over windows. */
  pass: v.string(),
  /** Its first batch that this is of. */
  first: count,
  /** A decoder layer that reads states, the end of the model, or scores of one batch. */
  what: v.union([count, v.literal("end"), v.literal("scores")]),
  /** Of each array, in numbers of four bytes. */
  lengths: v.array(count),
  kept: v.strictObject({ at: count, byteLength: count, digest: v.string() }),
});
type Kept = v.InferOutput<typeof recordSchema>;

/** States before a decoder layer, of batches from one on. */
export interface KeptBorder {
  readonly next: number;
  readonly states: readonly Float32Array[];
}

/** What an evaluation has come to. Dispose of it to keep it for the next run, or remove it. */
export interface KeptScores extends AsyncDisposable {
  /** Why nothing was taken up of what was there, in words; `null` if it was, or nothing was there. */
  readonly anew: string | null;
  /** Removes it: the evaluation is over. */
  remove(): Promise<void>;
}

/**
 * Opens what an earlier evaluation of the same key has come to, or begins anew.
 *
 * @param path of a journal; numbers stand beside it, in `<path>.data`.
 * @param key of all that determines scores beside the texts and their windows: models by their content, engine,
 * code. Of another key nothing is taken up. Models of one name are told apart by the order in which they come.
 * @throws {OutputError} if another process has it, or it cannot be written, or a file that is no journal stands
 * in its place.
 *
 * @example
 * ```ts
 * import {
 *   evaluationDocuments,
 *   keepScores,
 *   onnxEngine,
 *   Pair,
 *   projectPath,
 *   scoreModels,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const folder = await Deno.makeTempDir();
 * const documents = (await evaluationDocuments("health")).slice(0, 4);
 * const text = await pair.text("health", documents);
 * const settings = { windows: { context: 64, window: 64 }, bootstrapSeed: 1 };
 * {
 *   await using kept = await keepScores(`${folder}/state`, { base: await pair.base.hash() });
 *   // Stopped here at any moment, the next run goes on from there.
 *   await scoreModels(pair.engine, { base: pair.base }, text, settings, { kept });
 *   await kept.remove();
 * }
 * assert.deepEqual([...Deno.readDirSync(folder)], []);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function keepScores(path: string, key: RunKey): Promise<KeptScores> {
  return await ScoreJournal.open(path, key);
}

/** The journal of an evaluation. */
export class ScoreJournal implements KeptScores {
  readonly #journal: Journal;
  readonly #records: Kept[];
  /** Where numbers may be put that take each other's place, the one that counts last. */
  readonly #slots: { readonly at: number; readonly size: number }[] = [];
  #end: number;
  /** Models by their names, which two of one base and method have in common. */
  readonly #models = new Map<string, WeightSource[]>();

  private constructor(journal: Journal) {
    this.#journal = journal;
    this.#records = journal.records.flatMap((record) => {
      const { success, output } = v.safeParse(recordSchema, record);
      return success ? [output] : [];
    });
    this.#end = Math.max(0, ...this.#records.map(({ kept }) => kept.at + kept.byteLength));
  }

  /** {@linkcode keepScores}. */
  static async open(path: string, key: RunKey): Promise<ScoreJournal> {
    return new ScoreJournal(await Journal.open(path, key));
  }

  /** As of {@linkcode KeptScores}. */
  get anew(): string | null {
    return this.#journal.anew;
  }

  /** A model's name, and which of several of that name it is. */
  nameOf(model: WeightSource): string {
    const alike = this.#models.get(model.name) ?? [];
    this.#models.set(model.name, alike);
    if (!alike.includes(model)) alike.push(model);
    return `${alike.indexOf(model)} ${model.name}`;
  }

  /** Records of a pass, the newest last. */
  of(pass: string): readonly Kept[] {
    return this.#records.filter((record) => record.pass === pass);
  }

  /** The arrays of a record; `null` if they are no longer there as they were. */
  async read({ lengths, kept }: Kept): Promise<ArrayBuffer[] | null> {
    const bytes = await this.#journal.kept(kept);
    if (!bytes || 4 * lengths.reduce((sum, each) => sum + each, 0) !== bytes.length) return null;
    let at = 0;
    return lengths.map((length) => bytes.slice(at, at += 4 * length).buffer as ArrayBuffer);
  }

  /**
   * Keeps arrays.
   *
   * @param stays whether they are needed to the end; else until others are kept that do not stay.
   */
  async keep(
    place: Omit<Kept, "kept">,
    parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    stays: boolean,
  ): Promise<void> {
    const size = 4 * place.lengths.reduce((sum, each) => sum + each, 0);
    const at = stays ? this.#fresh(size) : this.#slot(size);
    const kept: KeptBytes = await this.#journal.keep(parts, at);
    const record = { ...place, kept };
    await this.#journal.append(record);
    this.#records.push(record);
  }

  /** As of {@linkcode KeptScores}. */
  async remove(): Promise<void> {
    await this.#journal.remove();
  }

  /** Lets go of it: it stays for the next run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal[Symbol.asyncDispose]();
  }

  #fresh(size: number): number {
    const at = this.#end;
    this.#end += size;
    return at;
  }

  /** A place whose numbers nothing that counts is in: not that of the last. */
  #slot(size: number): number {
    const free = this.#slots.slice(0, -1).findIndex((slot) => slot.size >= size);
    const slot = free < 0 ? { at: this.#fresh(size), size } : this.#slots.splice(free, 1)[0];
    this.#slots.push(slot);
    return slot.at;
  }
}

/** One model's pass over batches of windows. */
export class KeptPass {
  private constructor(
    readonly all: ScoreJournal,
    readonly engine: Engine,
    readonly name: string,
  ) {}

  /**
   * A pass over batches of a text.
   *
   * @param what of the first model is asked for; the other one it is compared with.
   * @returns `null` where nothing is kept.
   */
  static of(
    all: KeptScores | undefined,
    engine: Engine,
    what: "reference" | "scored",
    models: readonly WeightSource[],
    tokens: Int32Array,
    batches: readonly WindowBatch[],
  ): KeptPass | null {
    if (!(all instanceof ScoreJournal)) return null;
    const text = digestOf(JSON.stringify([...tokens]));
    const names = models.map((each) => all.nameOf(each));
    return new KeptPass(all, engine, digestOf(JSON.stringify([what, names, text, batches])));
  }

  /** Scores of the batches that have some, from the first on. */
  async scores(): Promise<RowScores[]> {
    const found: RowScores[] = [];
    for (const record of this.all.of(this.name)) {
      if (record.what !== "scores" || record.first !== found.length) continue;
      const arrays = await this.all.read(record);
      if (!arrays) break;
      const [nll, kl, agreement] = arrays;
      found.push({
        nll: new Float32Array(nll),
        kl: kl ? new Float32Array(kl) : null,
        agreement: agreement ? new Int32Array(agreement) : null,
      });
    }
    return found;
  }

  /** Keeps the scores of a batch. */
  async keepScores(first: number, { nll, kl, agreement }: RowScores): Promise<void> {
    const arrays = [nll, ...kl ? [kl] : [], ...agreement ? [agreement] : []];
    const place = { pass: this.name, first, what: "scores" as const, lengths: lengthsOf(arrays) };
    await this.all.keep(place, arrays.map(bytesOf), true);
  }

  /** Last states of batch `first` and those after it that were kept with it; `[]` if it has none. */
  async ends(first: number): Promise<Float32Array[]> {
    for (const record of this.all.of(this.name).toReversed()) {
      const skipped = first - record.first;
      if (record.what !== "end" || skipped < 0 || skipped >= record.lengths.length) continue;
      const arrays = await this.all.read(record);
      if (arrays) return arrays.slice(skipped).map((each) => new Float32Array(each));
    }
    return [];
  }

  /** Keeps the last states of batches, to the end of the evaluation or until others are kept. */
  async keepEnds(first: number, states: readonly Placed[], stays: boolean): Promise<void> {
    const place = { pass: this.name, first, what: "end" as const, lengths: lengthsOf(states) };
    await this.all.keep(place, this.#numbers(states), stays);
  }

  /** Where the states of batches from `first` on stand between two layers; `null` if nowhere. */
  async border(first: number): Promise<KeptBorder | null> {
    for (const record of this.all.of(this.name).toReversed()) {
      if (typeof record.what !== "number" || record.first !== first) continue;
      const arrays = await this.all.read(record);
      if (arrays) {
        return { next: record.what, states: arrays.map((each) => new Float32Array(each)) };
      }
    }
    return null;
  }

  /** Keeps where they stand. */
  async keepBorder(first: number, { next, states }: LayerBorder): Promise<void> {
    const place = { pass: this.name, first, what: next, lengths: lengthsOf(states) };
    await this.all.keep(place, this.#numbers(states), false);
  }

  /** One after another: together they may be as large as all that streams. */
  async *#numbers(states: readonly Placed[]): AsyncGenerator<Uint8Array> {
    for (const each of states) yield bytesOf((await this.engine.read([each]))[0]);
  }
}

function lengthsOf(arrays: readonly { readonly length: number }[]): number[] {
  return arrays.map(({ length }) => length);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
