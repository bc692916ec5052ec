/** Windows put together into batches that run at once, and what goes in and out of a batch by row. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { Engine, Placed, Program } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { gatherRows } from "../graph/ops/matrix.ts";
import type { Watch } from "../util/progress.ts";
import type { ScoredWindow } from "./windows.ts";

/** Windows of one length that run together, as rows of a batch. */
export interface WindowBatch {
  readonly windows: readonly ScoredWindow[];
  /** Rows of the batch; the last batch of a text may have more than windows. */
  readonly rows: number;
  readonly length: number;
  readonly scored: number;
}

/** Windows at once at most: more gain nothing on a few cores. */
const MOST_ROWS = 8;

/**
 * Batches of windows of one length, in the order of the text.
 *
 * @param bytes that a batch's attention weights, and its logits, may take as float32.
 */
export function windowBatches(
  windows: readonly ScoredWindow[],
  { headCount, vocabularySize }: DecoderConfig,
  bytes: number,
): WindowBatch[] {
  const batches: WindowBatch[] = [];
  for (const length of new Set(windows.map(({ begin, end }) => end - begin))) {
    const alike = windows.filter(({ begin, end }) => end - begin === length);
    const { scored } = alike[0];
    const largest = Math.max(headCount * length ** 2, scored * vocabularySize);
    const fitting = Math.floor(bytes / (4 * largest));
    const rows = Math.max(1, Math.min(MOST_ROWS, alike.length, fitting));
    for (let at = 0; at < alike.length; at += rows) {
      const some = alike.slice(at, at + rows);
      batches.push({ windows: some, rows, length, scored });
    }
  }
  return batches;
}

/**
 * Batches that go through a model's layers together, in their order: of one length each, and of as many hidden
 * states `[rows · length, hidden]` in float32 as `bytes` hold, but at least one.
 */
export function batchGroups(
  batches: readonly WindowBatch[],
  hiddenSize: number,
  bytes: number,
): WindowBatch[][] {
  const groups: WindowBatch[][] = [];
  let left = 0;
  for (const batch of batches) {
    const size = 4 * batch.rows * batch.length * hiddenSize;
    const last = groups.at(-1);
    if (last && last[0].length === batch.length && size <= left) last.push(batch);
    else {
      groups.push([batch]);
      left = bytes;
    }
    left -= size;
  }
  return groups;
}

/** Rows of a full batch, end to end; a batch that is not full repeats its first window. */
export function perRow(
  { windows, rows }: WindowBatch,
  tokens: (window: ScoredWindow) => Int32Array,
): Int32Array {
  const parts = Array.from({ length: rows }, (_, row) => tokens(windows[row] ?? windows[0]));
  const joined = new Int32Array(rows * parts[0].length);
  parts.forEach((part, row) => joined.set(part, row * part.length));
  return joined;
}

/** Of each row, the places one position before each scored token: position p predicts p + 1. */
export function predictingRows({ rows, length, scored }: WindowBatch): Int32Array {
  return Int32Array.from({ length: rows * scored }, (_, at) => {
    const row = Math.floor(at / scored);
    return (row + 1) * length - 1 - scored + at % scored;
  });
}

/** Picks rows of a matrix where the engine holds it: a compiled choice of `count` rows among `rows`. */
export class RowPicker {
  private constructor(readonly program: Program) {}

  /** For matrices `[rows, width]`. */
  static async compile(
    engine: Engine,
    rows: number,
    width: number,
    count: number,
  ): Promise<RowPicker> {
    const matrix = input("matrix", [rows, width]);
    const picked = gatherRows(matrix, input("places", [count], "i32"));
    return new RowPicker(await engine.compile({ picked }));
  }

  /** The rows at `places`, `[count, width]`, which the caller releases. */
  async pick(matrix: Placed, places: Int32Array): Promise<Placed> {
    return (await this.program.keep({ matrix, places })).picked;
  }

  /** Frees the compiled graph. */
  async release(): Promise<void> {
    await this.program.release();
  }
}

/**
 * Tells how many windows' worth of work is done where all windows pass one layer before any passes the
 * next.
 */
export class WindowWork {
  readonly #total: number;
  #done = 0;
  #resumed = 0;
  /** Bytes of weights that are read for it. */
  #bytes: { done: number; resumed: number; readonly total: number } | null = null;

  /** @param passes of each window: its layers, and what comes after them */
  constructor(
    batches: readonly WindowBatch[],
    readonly passes: number,
    readonly model: string,
    readonly watch: Watch,
  ) {
    this.#total = batches.reduce((sum, { windows }) => sum + windows.length, 0);
  }

  get signal(): AbortSignal | undefined {
    return this.watch.signal;
  }

  /** Weights are read for each part of the work, so many bytes in all. */
  streams(total: number): void {
    this.#bytes = { done: 0, resumed: 0, total };
  }

  /** So many bytes of weights were read. */
  read(bytes: number): void {
    if (this.#bytes) this.#bytes.done += bytes;
  }

  /** An earlier run did so many passes of a batch. */
  resume({ windows }: WindowBatch, passes: number): void {
    this.#done += windows.length * passes;
    this.#resumed += windows.length * passes;
  }

  /** An earlier run read so many bytes of weights. */
  resumeBytes(bytes: number): void {
    this.read(bytes);
    if (this.#bytes) this.#bytes.resumed += bytes;
  }

  /** One pass of a batch is done. */
  did({ windows }: WindowBatch): void {
    this.#done += windows.length;
    const [done, resumed] = [this.#done, this.#resumed]
      .map((passes) => Math.floor(passes / this.passes));
    const bytes = this.#bytes ? { bytes: { ...this.#bytes } } : {};
    const label = `windows of ${this.model}`;
    this.watch.onProgress?.({ done, total: this.#total, resumed, label, ...bytes });
  }
}
