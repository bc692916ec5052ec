/**
 * What a closed form minimises in one layer: the squared error of its outputs on calibration text, as a quadratic
 * form in the compressed delta Â, `[out, in]`, J(Â) = tr(ÂCÂᵀ) − 2 tr(ÂPᵀ).
 *
 * C = XᵀX/T + ℓI. Plainly X are the fine-tune's inputs and P = ΔC, so that J(Â) + tr(ΔCΔᵀ) = tr((Â − Δ)C(Â − Δ)ᵀ).
 * Sequentially X are the inputs in the compressed model so far, and what is aimed at is the fine-tune's own output:
 * U = X_f·W_fineᵀ − X·W_baseᵀ, P = UᵀX/T + ℓΔ. Not here: how it is minimised.
 */

import { rowsOf } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { differenceType } from "../delta/difference.ts";
import type { Placed } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { type Matrix, owned } from "../graph/linear_algebra/matrices.ts";
import { difference } from "../graph/ops/difference.ts";
import { add, multiply, scaleBy } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { subtractProduct } from "../graph/ops/parts.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import type { LayerInput } from "./method.ts";
import type { ObjectiveSettings } from "./objective_settings.ts";
import { type SecondMoments, secondMoments } from "./second_moments.ts";
import { slabs } from "./slabs.ts";
import { tall, type TallMatrix } from "./tall_matrix.ts";
import { type PlacedMatrix, sumOverTokens } from "./token_sums.ts";

/** The objective of a layer, where an engine computes. Dispose of it to free what is not the group's. */
export interface LayerObjective extends Disposable {
  /** Δ, `[out, in]`; who needs it no longer may free it before the rest. */
  readonly delta: TallMatrix;
  /** C, `[in, in]`; shared with the layers that read the same inputs, and freed with their group. */
  readonly c: Placed;
  /** P, `[out, in]`, in slabs of as many rows as Δ's. */
  readonly p: TallMatrix;
  /** ℓ; C is singular without it where there are fewer tokens than inputs, or an input is always zero. */
  readonly ridge: number;
}

/**
 * The objective of a layer. It places much: ask for it in the program cache's `alone`, where layers are compressed at
 * once.
 *
 * @param signal is looked at between chunks of tokens.
 */
export async function layerObjective(
  layer: LayerInput,
  { sequential, ridge }: Pick<ObjectiveSettings, "sequential" | "ridge">,
  programs: ProgramCache,
  signal?: AbortSignal,
): Promise<LayerObjective> {
  const { shape, group } = layer;
  const [outSize, inSize] = shape;
  const x = matrix(sequential ? layer.compressedInputs! : layer.fineInputs!, inSize);
  const find = () => secondMoments(programs, x, ridge, signal);
  const moments = await group.get(`second moments, ${sequential}, ${ridge}`, find);
  using made = new DisposableStack();
  const pieces: { readonly delta: Matrix; readonly p: Matrix }[] = [];
  for (const [begin, end] of slabs(programs.engine, outSize, inSize)) {
    signal?.throwIfAborted();
    const kept = (placed: Placed) => made.use(owned(placed, end - begin, inSize));
    const delta = kept(await deltaRows(programs, layer, begin, end));
    const p = kept(
      sequential
        ? await aimedRows(programs, layer, { x, delta: delta.placed, moments, begin, end }, signal)
        : await plainRows(programs, [end - begin, inSize], delta.placed, moments),
    );
    pieces.push({ delta, p });
  }
  const all = made.move();
  return {
    delta: tall(pieces.map((each) => each.delta)),
    c: moments.c,
    p: tall(pieces.map((each) => each.p)),
    ridge: moments.ridge,
    [Symbol.dispose]: () => all.dispose(),
  };
}

async function deltaRows(
  programs: ProgramCache,
  { name, shape: [, inSize], base, fine }: LayerInput,
  begin: number,
  end: number,
): Promise<Placed> {
  const shape = [end - begin, inSize];
  const type = differenceType(base.dtype, fine.dtype);
  const program = await programs.get(`delta of [${shape}] ${type}`, () => ({
    delta: difference(input("fine", shape), input("base", shape), type),
  }));
  return await withRows(programs, name, { base, fine }, [begin, end], async (rows) => {
    return (await program.keep(rows)).delta;
  });
}

/** Rows of ΔC. */
async function plainRows(
  programs: ProgramCache,
  shape: LinearShape,
  delta: Placed,
  { c }: SecondMoments,
): Promise<Placed> {
  const program = await programs.get(`products of [${shape}] with second moments`, () => ({
    p: matmul(input("delta", shape), input("c", [shape[1], shape[1]])),
  }));
  return (await program.keep({ delta, c })).p;
}

/** Rows of UᵀX/T + ℓΔ. */
async function aimedRows(
  programs: ProgramCache,
  { name, shape: [, inSize], base, fine, fineInputs }: LayerInput,
  { x, delta, moments: { ridge }, begin, end }: {
    readonly x: PlacedMatrix;
    readonly delta: Placed;
    readonly moments: SecondMoments;
    readonly begin: number;
    readonly end: number;
  },
  signal?: AbortSignal,
): Promise<Placed> {
  const shape = [end - begin, inSize];
  const [tokens] = x.shape;
  const sum = await withRows(
    programs,
    name,
    { base, fine },
    [begin, end],
    (rows) =>
      sumOverTokens(programs, {
        name: "products of inputs and what is aimed at",
        tokens: { x, ofFine: matrix(fineInputs!, inSize) },
        others: {
          fine: { shape, placed: rows.fine },
          base: { shape, placed: rows.base },
        },
        shape,
        product({ x, ofFine, fine, base }) {
          const outputs = matmul(ofFine, fine, { transposeSecond: true });
          const aim = subtractProduct(outputs, x, base, { transposeSecond: true });
          return matmul(aim, x, { transposeFirst: true });
        },
      }, signal),
  );
  try {
    const program = await programs.get(`mean over ${tokens} of [${shape}] with a delta`, () => {
      const ofDelta = multiply(input("delta", shape), input("ridge", []));
      return { p: add(scaleBy(input("sum", shape), 1 / tokens), ofDelta) };
    });
    return (await program.keep({ sum, delta, ridge: Float32Array.of(ridge) })).p;
  } finally {
    sum.release();
  }
}

/** Rows of both weights on the engine, while something is done with them. */
async function withRows<Result>(
  { engine }: ProgramCache,
  layer: string,
  { base, fine }: Pick<LayerInput, "base" | "fine">,
  [begin, end]: readonly [number, number],
  use: (rows: { readonly base: Placed; readonly fine: Placed }) => Promise<Result>,
): Promise<Result> {
  const ofBase = await engine.place(rowsOf(base, begin, end), `${layer}.weight`);
  try {
    const ofFine = await engine.place(rowsOf(fine, begin, end), `${layer}.weight`);
    try {
      return await use({ base: ofBase, fine: ofFine });
    } finally {
      ofFine.release();
    }
  } finally {
    ofBase.release();
  }
}

function matrix(placed: Placed, width: number): PlacedMatrix {
  return { placed, shape: [placed.length / width, width] };
}
