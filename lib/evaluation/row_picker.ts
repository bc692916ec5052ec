/** Picks rows of a matrix where the engine holds it. */

import type { Engine, Placed, Program } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { gatherRows } from "../graph/ops/matrix.ts";

/** A compiled choice of `count` rows among `rows`. */
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
