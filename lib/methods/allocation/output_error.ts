/** How far a layer's outputs move where its weights are others: ‖X(W − W′)ᵀ‖², without W − W′ on the host. */

import { type RawTensor, rowsOf } from "../../checkpoint/tensor.ts";
import type { LinearShape } from "../../checkpoint/weights.ts";
import { differenceType } from "../../delta/difference.ts";
import { input } from "../../graph/graph.ts";
import { difference } from "../../graph/ops/difference.ts";
import { multiply, sumTo } from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import type { Placed } from "../../graph/engine.ts";
import type { ProgramCache } from "../../graph/program_cache.ts";

/** Matrices of the size of a block of weights that a run holds at most: both, and what is between them. */
const MATRICES = 3;

/**
 * Σ over tokens and outputs of (X(W − W′)ᵀ)², of as many rows of the weights at a time as the engine forms at once;
 * what each output gives rise to is summed in 64-bit floats.
 *
 * @param inputs X, `[rows, in]`.
 * @param weights W and W′, `[out, in]`, as they are stored.
 */
export async function outputError(
  programs: ProgramCache,
  inputs: Placed,
  [outSize, inSize]: LinearShape,
  weights: readonly [RawTensor, RawTensor],
): Promise<number> {
  const { engine } = programs;
  const most = Math.max(1, Math.floor(engine.memory.formedAtOnce / (MATRICES * 4 * inSize)));
  const blockRows = Math.ceil(outSize / Math.ceil(outSize / most));
  const rows = inputs.length / inSize;
  const type = differenceType(weights[1].dtype, weights[0].dtype);
  const program = await programs.get(
    `error of [${rows}, ${inSize}], [${blockRows}] ${type}`,
    () => {
      const [to, from] = ["to", "from"].map((each) => input(each, [blockRows, inSize]));
      const moved = matmul(input("inputs", [rows, inSize]), difference(to, from, type), {
        transposeSecond: true,
      });
      return { squares: sumTo(multiply(moved, moved), [blockRows]) };
    },
  );
  let sum = 0;
  for (let done = 0; done < outSize; done += blockRows) {
    // The last block reaches back into the one before it rather than beyond the matrix.
    const begin = Math.min(done, outSize - blockRows);
    const squares = await programs.alone(async () => {
      const placed: Placed[] = [];
      try {
        for (const each of weights) {
          placed.push(await engine.place(rowsOf(each, begin, begin + blockRows)));
        }
        const { squares } = await program.run({ inputs, to: placed[0], from: placed[1] });
        return squares;
      } finally {
        placed.forEach((each) => each.release());
      }
    });
    for (const square of squares.subarray(done - begin)) sum += square;
  }
  return sum;
}
