/**
 * Signs with scales at work: Â = diag(r) S diag(c), the signs as a matrix of ±1 where an engine computes, the scales
 * on the host. And what becomes of them in a file.
 */

import type { LinearShape } from "../../checkpoint/weights.ts";
import { type Scales, signsForm, signsTerm } from "../../codecs/signs.ts";
import type { Form, Term } from "../../codecs/codec.ts";
import { extractBlocks } from "../../delta/extract_layer.ts";
import { extractionCode, extractionModule } from "../../delta/extraction_module.ts";
import { type Matrices, type Matrix, owned } from "../../graph/linear_algebra/matrices.ts";
import type { Value } from "../../graph/graph.ts";
import { multiply } from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import { type Slab, slabsOf, type TallMatrix } from "../tall_matrix.ts";

/** Which scales there are beside the signs. */
export type ScaleKind = "row and column" | "row" | "column";

/** r `[out]` and c `[in]`. */
export interface VectorScales {
  readonly row: Float32Array;
  readonly column: Float32Array;
}

/** How a mask of these scales is stored: a vector alone in 32 bits, as its numbers may be small; two in 16 each. */
export function vectorForm(kind: ScaleKind): Form {
  return signsForm(kind, kind === "row and column" ? "F16" : "F32");
}

/** Rows of diag(r) S diag(c). */
export async function scaledSlab(
  matrices: Matrices,
  { slab, range }: Slab,
  { row, column }: VectorScales,
): Promise<Matrix> {
  using ofRows = await vector(matrices, row.slice(...range));
  using ofColumns = await vector(matrices, column);
  return await matrices.step("signs with scales", [slab, ofRows, ofColumns], scaled);
}

/** A row `[1, length]` on the engine. */
export async function vector(
  { programs }: Matrices,
  numbers: Float32Array,
): Promise<Matrix> {
  return owned(await programs.engine.place(numbers), 1, numbers.length);
}

/** diag(rows) x diag(columns), of vectors `[1, length]`. */
export function scaled([x, rows, columns]: Value[]): Value {
  return multiply(x, matmul(rows, columns, { transposeFirst: true }));
}

/** The largest of 16-bit floats. */
const LARGEST_HALF = 65504;

/**
 * Scales of which c is as 16-bit floats hold it and r is as large as c in the geometric mean, so that these hold it
 * as well as they can.
 */
export function halvedColumns({ row, column }: VectorScales): VectorScales {
  // A power of two, by which nothing is rounded.
  const shift = 2 ** Math.round((meanLogarithm(row) - meanLogarithm(column)) / 2);
  return { row: row.map((each) => each / shift), column: column.map((each) => half(each * shift)) };
}

/** The nearest 16-bit float that is finite. */
export function half(value: number): number {
  return Math.f16round(Math.max(-LARGEST_HALF, Math.min(LARGEST_HALF, value)));
}

function meanLogarithm(values: Float32Array): number {
  const logarithms = [...values].filter((each) => each !== 0)
    .map((each) => Math.log2(Math.abs(each)));
  return logarithms.reduce((sum, each) => sum + each, 0) / Math.max(1, logarithms.length);
}

/** Signs and scales as a term of a layer. */
export async function vectorTerm(
  { programs: { engine } }: Matrices,
  signs: TallMatrix,
  { row, column }: VectorScales,
  kind: ScaleKind,
): Promise<Term> {
  const { rows, columns } = signs;
  const words = Math.ceil(columns / 32);
  const mask = new Int32Array(words * rows);
  for (const { slab, range: [begin] } of slabsOf(signs)) {
    const [values] = await engine.read([slab.placed]);
    const ofSlab = await packed(values as Float32Array, [slab.rows, columns]);
    for (let word = 0; word < words; word++) {
      const part = ofSlab.subarray(word * slab.rows, (word + 1) * slab.rows);
      mask.set(part, word * rows + begin);
    }
  }
  const scales: Record<ScaleKind, Scales> = {
    "row and column": { row, column },
    row: { row },
    column: { column },
  };
  return signsTerm(mask, [rows, columns], scales[kind], kind === "row and column" ? "F16" : "F32");
}

/** The mask of a matrix, `[⌈in / 32⌉, out]`: as of a delta of it and nothing. */
async function packed(values: Float32Array, shape: LinearShape): Promise<Int32Array> {
  const module = extractionModule(await extractionCode());
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let at = 0;
  const { mask } = extractBlocks({ module, kernels: null }, shape, {
    dtype: "F32",
    read: (target) => void target.fill(0),
  }, {
    dtype: "F32",
    read(target) {
      target.set(bytes.subarray(at, at + target.length));
      at += target.length;
    },
  });
  return mask;
}
