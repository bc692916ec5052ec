/** The second moments of a group of layers' inputs, with a share of white noise: C of their objectives. */

import type { Placed } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { addDiagonal } from "../graph/ops/diagonal.ts";
import { multiply, scaleBy, sumTo } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { submatrix } from "../graph/ops/parts.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import { joined, slabs } from "./slabs.ts";
import { type PlacedMatrix, sumOverTokens } from "./token_sums.ts";

/** C = XᵀX/T + ℓI, `[in, in]`, and ℓ. */
export interface SecondMoments extends Disposable {
  readonly c: Placed;
  readonly ridge: number;
}

/**
 * C of inputs X, `[T, in]`, and ℓ.
 *
 * @param share ℓ over the mean square of the inputs.
 */
export async function secondMoments(
  programs: ProgramCache,
  x: PlacedMatrix,
  share: number,
  signal?: AbortSignal,
): Promise<SecondMoments> {
  const [tokens, width] = x.shape;
  const program = await programs.get(`mean square of [${x.shape}]`, () => {
    const inputs = input("x", x.shape);
    return { squares: sumTo(multiply(inputs, inputs), [width]) };
  });
  const { squares } = await program.run({ x: x.placed });
  const square = [...squares].reduce((sum, each) => sum + each, 0) / width / tokens;
  const ridge = Math.fround(share * square);
  const pieces: Placed[] = [];
  try {
    for (const [begin, end] of slabs(programs.engine, width, width)) {
      const shape = [end - begin, width];
      const sum = await sumOverTokens(programs, {
        name: `second moments from ${begin} to ${end}`,
        tokens: { x },
        shape,
        product: ({ x }) =>
          matmul(submatrix(x, { columns: [begin, end] }), x, { transposeFirst: true }),
      }, signal);
      try {
        const key = `mean over ${tokens} of [${shape}] from ${begin}`;
        const program = await programs.get(key, () => {
          const mean = scaleBy(input("sum", shape), 1 / tokens);
          return { c: addDiagonal(mean, input("ridge", []), begin) };
        });
        pieces.push((await program.keep({ sum, ridge: Float32Array.of(ridge) })).c);
      } finally {
        sum.release();
      }
    }
    const c = await joined(programs, pieces, width);
    return { c, ridge, [Symbol.dispose]: () => c.release() };
  } catch (error) {
    pieces.forEach((each) => each.release());
    throw error;
  }
}
