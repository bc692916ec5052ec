/** Where the factors of a layer start: on what is aimed at, on its engine, or alike on every engine, on the host. */

import { cholesky, choleskySolve } from "../../graph/linear_algebra/mod.ts";
import { borrowed, Matrices, type Matrix, owned } from "../../graph/linear_algebra/matrices.ts";
import { multiply, reshape, sumTo } from "../../graph/ops/elementwise.ts";
import { sign } from "../../graph/ops/signs.ts";
import type { Placed } from "../../graph/placed.ts";
import type { LayerInput } from "../method.ts";
import type { LayerObjective } from "../objective.ts";
import type { Factors } from "./factors.ts";
import { hostStart } from "./host_start.ts";
import { rankOne, startingFactors, type StartSettings } from "./start.ts";

/** Of the inputs' largest size, the least that one is weighed with. */
const LEAST_SIZE = 1e-3;

/** Share of the mean square that is added where D = PC⁻¹ is solved for, so that C may be singular. */
const RIDGE = 1e-5;

/** Mean squares of inputs X, and a ridge: diag C, `[in]`. */
export async function meanSquares(
  { programs }: Matrices,
  x: Placed,
  inSize: number,
  ridge: number,
): Promise<Float32Array> {
  const rows = x.length / inSize;
  const matrices = new Matrices(programs);
  using sums = await matrices.step(
    "sums of squares",
    [borrowed(x, rows, inSize)],
    ([x]) => reshape(sumTo(multiply(x, x), [inSize]), [1, inSize]),
  );
  const [squares] = await programs.engine.read([sums.placed]);
  return Float32Array.from(squares, (each) => each / rows + ridge);
}

/** D = PC⁻¹, `[out, in]`. */
async function aimedAt(
  { programs, signal }: Matrices,
  { shape: [outSize, inSize], c, p }: LayerObjective,
  squares: Float32Array,
): Promise<Matrix> {
  const ridge = RIDGE * squares.reduce((sum, each) => sum + each, 0) / inSize;
  if (!(ridge > 0)) return borrowed(p, outSize, inSize);
  using factor = await cholesky(programs, c, inSize, { ridge, signal });
  const solved = await choleskySolve(programs, factor, p, outSize, signal);
  return owned(solved, outSize, inSize);
}

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
  const { shape: [outSize, inSize], delta } = objective;
  const { engine } = matrices.programs;
  using aim = isSequential
    ? await aimedAt(matrices, objective, squares)
    : borrowed(delta, outSize, inSize);
  const sizes = sizesOf(squares);
  using weights = owned(await engine.place(sizes), 1, sizes.length);
  using y = await matrices.step(
    "weighed columns",
    [aim, weights],
    ([aim, weights]) => multiply(aim, reshape(weights, [sizes.length])),
  );
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

/**
 * Factors of Δ itself, on the host. Δ is the same to the bit on every engine, and its columns are weighed by the
 * fine-tune's inputs in powers of √2, which what engines differ in hardly ever changes.
 *
 * @param ridge in units of the inputs' mean square.
 */
export async function startedAlike(
  matrices: Matrices,
  { fineInputs }: LayerInput,
  { shape, delta }: LayerObjective,
  ridge: number,
  settings: StartSettings,
): Promise<Factors> {
  const { programs: { engine }, signal } = matrices;
  const [outSize, inSize] = shape;
  const squares = await meanSquares(matrices, fineInputs!, inSize, 0);
  const noise = ridge * squares.reduce((sum, each) => sum + each, 0) / inSize;
  const sizes = sizesOf(squares.map((each) => each + noise))
    .map((each) => 2 ** (Math.round(2 * Math.log2(each)) / 2));
  const [values] = await engine.read([delta]);
  const weighed = Float32Array.from(values, (each, at) => each * sizes[at % inSize]);
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
