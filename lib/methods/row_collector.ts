/** Gathers rows of activations from several batches into one matrix, where the engine holds them. */

import type { Placed } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { concatenateRows, gatherRows } from "../graph/ops/matrix.ts";
import type { ProgramCache } from "../graph/program_cache.ts";

/** Collects the rows at given places of batches that are counted through. Dispose of it to free the rest. */
export class RowCollector implements Disposable {
  readonly #pieces = new Map<string, Placed[]>();

  /**
   * @param batchRows rows of one batch
   * @param wanted places of rows, ascending, batch after batch
   */
  constructor(
    readonly programs: ProgramCache,
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
    const key = `rows ${places.length} of ${this.batchRows} × ${width}`;
    const program = await this.programs.get(key, () => ({
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
    if (pieces.length === 1) {
      this.#pieces.delete(name);
      return pieces[0];
    }
    const width = pieces.reduce((sum, { length }) => sum + length, 0) / this.wanted.length;
    const counts = pieces.map(({ length }) => length / width);
    const program = await this.programs.get(`rows ${counts} × ${width} end to end`, () => ({
      rows: concatenateRows(counts.map((count, index) => input(`piece ${index}`, [count, width]))),
    }));
    const feeds = Object.fromEntries(pieces.map((piece, index) => [`piece ${index}`, piece]));
    const { rows } = await program.keep(feeds);
    this.#pieces.delete(name);
    pieces.forEach((piece) => piece.release());
    return rows;
  }

  /** Frees what was not collected. */
  [Symbol.dispose](): void {
    for (const pieces of this.#pieces.values()) pieces.forEach((piece) => piece.release());
    this.#pieces.clear();
  }
}
