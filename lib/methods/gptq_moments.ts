/** The inputs of a group of layers as GPTQ goes along them: their order, and the factor of their inverse moments. */

import type { Placed } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { inverseCholesky } from "../graph/linear_algebra/mod.ts";
import { matmul } from "../graph/ops/matrix.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import { secondMoments } from "./second_moments.ts";

/** What the layers of a group share: the order of their inputs, and U of these. */
export interface Moments extends Disposable {
  /** Π `[in, in]`, one where row j is input order[j]. */
  readonly permutation: Placed;
  /** Where each input stands in the order. */
  readonly place: Int32Array;
  readonly factor: Placed;
}

/** Finds them; `damping` and `ordered` are those of the method. */
export async function momentsOf(
  programs: ProgramCache,
  inputs: Placed,
  size: number,
  { damping, ordered }: { readonly damping: number; readonly ordered: boolean },
  signal?: AbortSignal,
): Promise<Moments> {
  const x = { placed: inputs, shape: [inputs.length / size, size] as const };
  using moments = await secondMoments(programs, x, damping, signal);
  const order = await orderOf(programs, inputs, size, ordered);
  const place = new Int32Array(size);
  const numbers = new Float32Array(size * size);
  for (const [at, input] of order.entries()) {
    place[input] = at;
    numbers[at * size + input] = 1;
  }
  const permutation = await programs.engine.place(numbers);
  const program = await programs.get(`permuted [${size}, ${size}]`, () => {
    const [pi, c] = ["permutation", "c"].map((name) => input(name, [size, size]));
    return { c: matmul(matmul(pi, c), pi, { transposeSecond: true }) };
  });
  const { c } = await program.keep({ permutation, c: moments.c });
  try {
    // Inputs that are all zero, and nothing added to them: each weight by itself.
    const ridge = moments.ridge > 0 ? 0 : 1;
    const factor = await inverseCholesky(programs, c, size, { ridge, signal });
    const release = () => [permutation, factor].forEach((each) => each.release());
    return { permutation, place, factor, [Symbol.dispose]: release };
  } catch (error) {
    permutation.release();
    throw error;
  } finally {
    c.release();
  }
}

/** Inputs by their second moments, the largest first; of equal ones the first. */
async function orderOf(
  programs: ProgramCache,
  inputs: Placed,
  size: number,
  ordered: boolean,
): Promise<number[]> {
  const own = [...new Array(size).keys()];
  if (!ordered) return own;
  const [x] = await programs.engine.read([inputs]) as Float32Array[];
  const squares = new Float64Array(size);
  for (let at = 0, i = 0; at < x.length; at++, i = i + 1 === size ? 0 : i + 1) {
    squares[i] += x[at] * x[at];
  }
  return own.sort((a, b) => squares[b] - squares[a] || a - b);
}
