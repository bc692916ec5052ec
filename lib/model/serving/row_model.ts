/**
 * Sequences of a model, or of tenants on it, whose weights stay where an engine computes: chunks of prompts, and next
 * tokens of many together. Not here: which weights these are (`base_weights.ts`), and the graphs (`step_graphs.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { longestSequence } from "../../checkpoint/rotary_frequencies.ts";
import type { Engine } from "../../graph/engine.ts";
import { OptionError, ServingError } from "../../util/errors.ts";
import { Turns } from "../../util/turns.ts";
import type { BatchModel, NextToken, Sequence } from "./batch_model.ts";
import { cacheBytes, type CacheGroup, cacheGroups, type CacheSizes } from "./cache_plan.ts";
import { KeyValueCache, type SequenceRoom } from "./key_value_cache.ts";
import type { RowWeights } from "./row_weights.ts";
import { StepGraphs } from "./step_graphs.ts";
import { type StepRow, StepRunner } from "./step_runner.ts";

/** How many sequences run, and how long they are. */
export interface RowModelOptions {
  /** Tokens of the longest sequence; default: 4096, or as many as the model was made for. */
  readonly longest?: number;
  /** Tokens of a prompt that run together; default: 128. */
  readonly chunk?: number;
  /** Sequences whose next tokens run together at most; default: 32. */
  readonly mostRows?: number;
  /**
   * Tokens of all sequences together whose keys and values there is room for; default: as many as the sequences of a
   * batch can have, in an eighth of the engine's memory, and those of one at least.
   */
  readonly cacheTokens?: number;
}

const LONGEST = 4096;
const CHUNK = 128;
const MOST_ROWS = 32;
/** Rows of the smallest graph for a chunk. */
const SMALLEST_CHUNK = 8;
/** Graphs that stay compiled: of a few forms of layers in every size of a step, and of layers that all differ. */
const MOST_GRAPHS = 96;
const GRAPHS_OF_LAYER = 8;
/** Bytes of keys and values where an engine does not say how much memory it has. */
const CACHE_BYTES = 2 ** 31;

/** A sequence of a model. */
class RowSequence implements Sequence {
  length = 0;

  constructor(
    readonly tenant: string | null,
    readonly tokens: number,
    readonly prompt: number | undefined,
    readonly room: SequenceRoom,
    readonly release: () => void,
  ) {}
}

/** A model of rows. Dispose of it to free what it holds; its weights are the caller's. */
export class RowModel implements BatchModel, AsyncDisposable {
  readonly #turns = new Turns();
  readonly #sequences = new Set<Sequence>();
  readonly #runner: StepRunner;
  readonly #room: Disposable;

  private constructor(
    readonly config: DecoderConfig,
    readonly longest: number,
    readonly chunk: number,
    readonly mostRows: number,
    runner: StepRunner,
    room: Disposable,
  ) {
    this.#runner = runner;
    this.#room = room;
  }

  /**
   * Reserves memory for keys and values.
   *
   * @throws {OptionError} if a size is none.
   * @throws {ServingError} if the engine's memory has no room for keys and values.
   */
  static async open(
    engine: Engine,
    config: DecoderConfig,
    weights: RowWeights,
    options: RowModelOptions = {},
  ): Promise<RowModel> {
    const possible = longestSequence(config);
    const longest = size("longest", options.longest ?? Math.min(LONGEST, possible), possible);
    const chunk = Math.min(size("chunk", options.chunk ?? CHUNK), longest);
    const mostRows = size("mostRows", options.mostRows ?? MOST_ROWS);
    const { groups, room } = plan(
      engine,
      config,
      { longest, chunk, sequences: mostRows },
      options.cacheTokens,
    );
    using opened = new DisposableStack();
    opened.use(room);
    const cache = await KeyValueCache.reserve(engine, config, groups);
    const most = MOST_GRAPHS + GRAPHS_OF_LAYER * config.layerCount;
    const graphs = new StepGraphs(engine, config, groups, most);
    opened.move();
    const runner = new StepRunner(engine, config, weights, graphs, cache);
    return new RowModel(config, longest, chunk, mostRows, runner, room);
  }

  get freeTokens(): number {
    return this.#runner.cache.freeTokens;
  }

  start(tenant: string | null, tokens: number, prompt?: number): Sequence {
    if (!Number.isInteger(tokens) || tokens < 1 || tokens > this.longest) {
      const expected = `1 to ${this.longest}`;
      throw new ServingError({
        problem: "no sequence has so many tokens",
        value: tokens,
        expected,
      });
    }
    const room = this.#runner.cache.take(tokens);
    if (!room) {
      throw new ServingError({
        problem: "there is no room for the keys and values of another sequence",
        value: `${tokens} tokens`,
        expected: `at most ${this.freeTokens} until others are released`,
      });
    }
    const sequence = new RowSequence(tenant, tokens, prompt, room, () => {
      room.release();
      this.#sequences.delete(sequence);
    });
    this.#sequences.add(sequence);
    return sequence;
  }

  /** Sequences of a tenant that have not been released. */
  sequencesOf(tenant: string | null): number {
    return this.#sequences.values().filter((each) => each.tenant === tenant).toArray().length;
  }

  /** Does work between two runs. */
  between<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take(work);
  }

  prefill(sequence: Sequence, tokens: Int32Array, isLast = true): Promise<Float32Array> {
    return this.#turns.take(async () => {
      const own = this.#own(sequence, tokens.length);
      const most = this.chunk - own.length % this.chunk;
      if (tokens.length < 1 || tokens.length > most) {
        throw new ServingError({
          problem: `prefill does not reach beyond the next multiple of ${this.chunk} tokens`,
          value: `${tokens.length} tokens from ${own.length} on`,
          expected: `1 to ${most}`,
        });
      }
      const length = own.length + tokens.length;
      // Each by the prompt's length or, beyond it, its own: wherever pieces of a prompt that is run anew are cut.
      const rows = Array.from(tokens, (token, at) => {
        const position = own.length + at;
        const { prompt = length } = own;
        return this.#row(own, token, position, Math.max(prompt, position + 1));
      });
      const size = chunkRows(tokens.length, this.chunk);
      const logits = await this.#runner.prefill(rows, size, isLast);
      own.length = length;
      return logits;
    });
  }

  decode(next: readonly NextToken[]): Promise<Float32Array[]> {
    return this.#turns.take(async () => {
      const { size: different } = new Set(next.map(({ sequence }) => sequence));
      if (next.length < 1 || next.length > this.mostRows || different < next.length) {
        throw new ServingError({
          problem: "decode takes one token of each of several sequences",
          value: `${next.length} tokens of ${different} sequences`,
          expected: `1 to ${this.mostRows}`,
        });
      }
      const sequences = next.map(({ sequence }) => this.#own(sequence, 1));
      const rows = sequences.map((each, at) =>
        this.#row(each, next[at].token, each.length, each.length + 1)
      );
      const logits = await this.#runner.decode(rows, decodeRows(next.length, this.mostRows));
      sequences.forEach((each) => each.length++);
      return logits;
    });
  }

  /** Waits for runs that were asked for, and frees sequences, keys, values and graphs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.idle();
    // Nobody runs on what is not there any more.
    for (const each of [...this.#sequences]) each.release();
    await this.#runner.graphs[Symbol.asyncDispose]();
    this.#runner.cache[Symbol.dispose]();
    this.#room[Symbol.dispose]();
  }

  /** A sequence that has room for more tokens. */
  #own(sequence: Sequence, more: number): RowSequence {
    if (!(sequence instanceof RowSequence) || !this.#sequences.has(sequence)) {
      const expected = "one that was started and not released";
      throw new ServingError({ problem: "there is no such sequence", expected });
    }
    if (sequence.length + more <= sequence.tokens) return sequence;
    throw new ServingError({
      problem: "the sequence has no room for more tokens",
      value: sequence.length + more,
      expected: `at most ${sequence.tokens}, as it was started for`,
    });
  }

  #row(
    { tenant, room }: RowSequence,
    token: number,
    position: number,
    length: number,
  ): StepRow {
    const config = this.#runner.weights.configOf(tenant);
    const { vocabularySize: vocabulary } = config;
    if (Number.isInteger(token) && token >= 0 && token < vocabulary) {
      return { tenant, config, room, token, position, length };
    }
    throw new ServingError({
      problem: "the model has no such token",
      value: token,
      expected: `an id of 0 to ${vocabulary - 1}`,
    });
  }
}

/** Rows of the graph that so many tokens of a prompt run in. */
function chunkRows(tokens: number, chunk: number): number {
  let rows = SMALLEST_CHUNK;
  while (rows < tokens) rows *= 2;
  return Math.min(rows, chunk);
}

/** Rows of the graph that so many next tokens run in. */
function decodeRows(tokens: number, most: number): number {
  let rows = 1;
  while (rows < tokens) rows *= 2;
  return Math.min(rows, most);
}

function size(option: string, value: number, most = Infinity): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  const expected = most === Infinity ? "a whole number above 0" : `a whole number of 1 to ${most}`;
  throw new OptionError({ problem: "is no size", option, value, expected });
}

/** Where keys and values lie, and the room that they take of the engine's memory. */
function plan(
  engine: Engine,
  config: DecoderConfig,
  sizes: Omit<CacheSizes, "tokens">,
  given: number | undefined,
): { readonly groups: CacheGroup[]; readonly room: Disposable } {
  const { memory } = engine;
  const { longest, sequences } = sizes;
  const groupsOf = (tokens: number) => cacheGroups(config, { ...sizes, tokens });
  const share = Number.isFinite(memory.bytes) ? memory.bytes / 8 : CACHE_BYTES;
  let tokens = given === undefined ? longest * sequences : size("cacheTokens", given);
  const isTooMuch = () => cacheBytes(config, groupsOf(tokens)) > share;
  while (given === undefined && tokens > longest && isTooMuch()) {
    tokens = Math.max(longest, Math.floor(tokens / 2));
  }
  const groups = groupsOf(tokens);
  const bytes = cacheBytes(config, groups);
  const room = memory.keep(bytes);
  if (room) return { groups, room };
  throw new ServingError({
    problem: "there is no room for keys and values where the engine computes",
    value: `${bytes} bytes for ${tokens} tokens`,
    expected: `three quarters of ${memory.bytes} bytes, less what others keep`,
  });
}
