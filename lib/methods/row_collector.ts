/** Gathers rows of activations from several batches into one matrix, where the engine holds them. */

import type { Engine, Placed, Program } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { releaseAll } from "../graph/program_cache.ts";
import { concatenateRows, gatherRows } from "../graph/ops/matrix.ts";

/** Collects the rows at given places of batches that are counted through. */
export class RowCollector {
  readonly #programs = new Map<string, Promise<Program>>();
  readonly #pieces = new Map<string, Placed[]>();

  /**
   * @param batchRows rows of one batch
   * @param wanted places of rows, ascending, batch after batch
   */
  constructor(
    readonly engine: Engine,
    readonly batchRows: number,
    readonly wanted: readonly number[],
  ) {}

  /** Takes what is wanted of batch `index` of the matrix called `name`, `[batchRows, width]`. */
  async take(name: string, index: number, matrix: Placed): Promise<void> {
    const first = index * this.batchRows;
    const places = this.wanted
      .filter((place) => place >= first && place < first + this.batchRows)
      .map((place) => place - first);
    if (places.length === 0) return;
    const width = matrix.length / this.batchRows;
    const program = await this.#program(`pick ${places.length} of ${width}`, () => ({
      rows: gatherRows(
        input("matrix", [this.batchRows, width]),
        input("places", [places.length], "i32"),
      ),
    }));
    const { rows } = await program.keep({ matrix, places: Int32Array.from(places) });
    this.#pieces.set(name, [...this.#pieces.get(name) ?? [], rows]);
  }

  /** All rows that were taken of `name`, `[rows, width]`, which the caller releases. */
  async collected(name: string): Promise<Placed> {
    const pieces = this.#pieces.get(name)!;
    this.#pieces.delete(name);
    if (pieces.length === 1) return pieces[0];
    const width = pieces.reduce((sum, { length }) => sum + length, 0) / this.wanted.length;
    const counts = pieces.map(({ length }) => length / width);
    const program = await this.#program(`join ${counts} of ${width}`, () => ({
      rows: concatenateRows(counts.map((count, index) => input(`piece ${index}`, [count, width]))),
    }));
    const feeds = Object.fromEntries(pieces.map((piece, index) => [`piece ${index}`, piece]));
    const { rows } = await program.keep(feeds);
    pieces.forEach((piece) => piece.release());
    return rows;
  }

  /** Frees the compiled graphs and what was not collected. */
  async release(): Promise<void> {
    for (const pieces of this.#pieces.values()) pieces.forEach((piece) => piece.release());
    this.#pieces.clear();
    await releaseAll(this.#programs.values());
  }

  #program(key: string, outputs: () => Parameters<Engine["compile"]>[0]): Promise<Program> {
    const known = this.#programs.get(key) ?? this.engine.compile(outputs());
    this.#programs.set(key, known);
    return known;
  }
}
