/** Where the factors of a layer start: on what is aimed at, on its engine, or alike on every engine, on the host. */

import {
  borrowed,
  type Matrices,
  type Matrix,
  owned,
} from "../../graph/linear_algebra/matrices.ts";
import { multiply, reshape } from "../../graph/ops/elementwise.ts";
import { sign } from "../../graph/ops/signs.ts";
import { aimedAt, meanSquares } from "../aim.ts";
import type { LayerInput } from "../method.ts";
import type { LayerObjective } from "../objective.ts";
import { slabBySlab, slabsOf, type TallMatrix } from "../tall_matrix.ts";
import type { Factors } from "./factors.ts";
import { hostStart } from "./host_start.ts";
import { rankOne, startingFactors, type StartSettings } from "./start.ts";

/** Of the inputs' largest size, the least that one is weighed with. */
const LEAST_SIZE = 1e-3;

/**
 * Factors of the delta that is aimed at, in 32-bit floats on the engine.
 *
 * @param squares diag C, `[in]`.
 */
export async function startedOnAim(
  matrices: Matrices,
  objective: LayerObjective,
  isSequential: boolean,
  squares: Float32Array,
  settings: StartSettings,
): Promise<Factors> {
  const { engine } = matrices.programs;
  const sizes = sizesOf(squares);
  using y = await weighedAim(matrices, objective, isSequential, squares, sizes);
  using found = await startingFactors(matrices, y, settings);
  const { left, right } = found;
  const vectors = [];
  for (const factor of [left, right]) {
    using row = await matrices.step("rows' sizes", [factor], ([z]) => rankOne(z).row);
    using column = await matrices.step("columns' sizes", [factor], ([z]) => rankOne(z).column);
    vectors.push(...await engine.read([row.placed, column.placed]) as Float32Array[]);
  }
  const [row, , ofColumns, middle] = vectors;
  using stack = new DisposableStack();
  const signsOf = async (factor: Matrix) =>
    stack.use(await matrices.step("signs of a factor", [factor], ([z]) => sign(z, 1)));
  const signs = { left: await signsOf(left), right: await signsOf(right) };
  const all = stack.move();
  const column = ofColumns.map((each, at) => each / sizes[at]);
  return { ...signs, scales: { row, middle, column }, [Symbol.dispose]: () => all.dispose() };
}

/** What is aimed at, its columns weighed by their sizes; the delta is freed. */
async function weighedAim(
  matrices: Matrices,
  { c, p, delta }: LayerObjective,
  isSequential: boolean,
  squares: Float32Array,
  sizes: Float32Array,
): Promise<TallMatrix> {
  const size = sizes.length;
  using weights = owned(await matrices.programs.engine.place(sizes), 1, size);
  using ofDelta = delta;
  using aim = isSequential ? await aimedAt(matrices, borrowed(c, size, size), p, squares) : ofDelta;
  return await slabBySlab(aim, async ({ slab }) => {
    using of = slab;
    return await matrices.step(
      "weighed columns",
      [of, weights],
      ([aim, weights]) => multiply(aim, reshape(weights, [size])),
    );
  });
}

/**
 * Factors of Δ itself, on the host. Δ is the same to the bit on every engine, and its columns are weighed by the
 * fine-tune's inputs in powers of √2, which what engines differ in hardly ever changes.
 *
 * @param ridge in units of the inputs' mean square.
 */
export async function startedAlike(
  matrices: Matrices,
  { shape, fineInputs }: LayerInput,
  { delta }: LayerObjective,
  ridge: number,
  settings: StartSettings,
): Promise<Factors> {
  const { programs: { engine }, signal } = matrices;
  const [outSize, inSize] = shape;
  const squares = await meanSquares(matrices, fineInputs!, inSize, 0);
  const noise = ridge * squares.reduce((sum, each) => sum + each, 0) / inSize;
  const sizes = sizesOf(squares.map((each) => each + noise))
    .map((each) => 2 ** (Math.round(2 * Math.log2(each)) / 2));
  const weighed = new Float32Array(outSize * inSize);
  for (const { slab, range: [begin] } of slabsOf(delta)) {
    const [values] = await engine.read([slab.placed]);
    weighed.set(values as Float32Array, begin * inSize);
  }
  for (const [at, each] of weighed.entries()) weighed[at] = each * sizes[at % inSize];
  const found = await hostStart(weighed, shape, settings, signal);
  const { left, right, row, middle } = found;
  const { inner } = settings;
  using stack = new DisposableStack();
  const placed = async (signs: Float32Array, rows: number) =>
    stack.use(owned(await engine.place(signs), rows, inner));
  const signs = { left: await placed(left, outSize), right: await placed(right, inSize) };
  const all = stack.move();
  const column = found.column.map((each, at) => each / sizes[at]);
  return { ...signs, scales: { row, middle, column }, [Symbol.dispose]: () => all.dispose() };
}

/** What columns are weighed by. */
function sizesOf(squares: Float32Array): Float32Array {
  const largest = squares.reduce((most, each) => Math.max(most, each), 0);
  const least = largest > 0 ? LEAST_SIZE * Math.sqrt(largest) : 1;
  return squares.map((each) => Math.max(Math.sqrt(each), least));
}
