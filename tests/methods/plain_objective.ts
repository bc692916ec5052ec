/** A layer's objective from its definition, in float64 loops, and layers to compress by hand. */

import { float32Tensor } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { packSigns } from "../../lib/codecs/signs.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { GroupWork } from "../../lib/methods/group_work.ts";
import type { LayerInput } from "../../lib/methods/method.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { type Matrix, matrixOf, product, transposed } from "../graph/linear_algebra/plain.ts";

/** C and P of a layer, and its Δ. */
export interface PlainObjective {
  readonly delta: Matrix;
  readonly c: Matrix;
  readonly p: Matrix;
}

/** Numbers of a layer to compress. */
export interface LayerNumbers {
  readonly shape: LinearShape;
  readonly base: Float32Array;
  readonly fine: Float32Array;
  /** X of the fine-tune, `[tokens, in]`. */
  readonly fineInputs: Float32Array;
  /** X of the compressed model. */
  readonly compressedInputs: Float32Array;
}

/** J(Â) = tr(ÂCÂᵀ) − 2 tr(ÂPᵀ). */
export function plainJ({ c, p }: Pick<PlainObjective, "c" | "p">, a: Matrix): number {
  return product(a, c).reduce(
    (sum, row, i) => sum + row.reduce((all, each, j) => all + a[i][j] * (each - 2 * p[i][j]), 0),
    0,
  );
}

/** C = XᵀX/T + ℓI with ℓ = ridge · mean diag(XᵀX/T), and P = ΔC or UᵀX/T + ℓΔ. */
export function plainObjective(
  layer: LayerNumbers,
  { sequential, ridge }: { readonly sequential: boolean; readonly ridge: number },
): PlainObjective {
  const [rows, width] = layer.shape;
  const inputs = sequential ? layer.compressedInputs : layer.fineInputs;
  const tokens = inputs.length / width;
  const [x, ofFine] = [inputs, layer.fineInputs].map((each) => matrixOf(each, tokens, width));
  const [base, fine] = [layer.base, layer.fine].map((each) => matrixOf(each, rows, width));
  const delta = fine.map((row, i) => row.map((each, j) => Math.fround(each - base[i][j])));
  const square = x.reduce((sum, row) => row.reduce((all, each) => all + each * each, sum), 0);
  const noise = ridge * square / width / tokens;
  const c = product(transposed(x), x)
    .map((row, i) => row.map((each, j) => each / tokens + (i === j ? noise : 0)));
  if (!sequential) return { delta, c, p: product(delta, c) };
  const ofBase = product(x, transposed(base));
  const aim = product(ofFine, transposed(fine))
    .map((row, t) => row.map((each, i) => each - ofBase[t][i]));
  const p = product(transposed(aim), x)
    .map((row, i) => row.map((each, j) => each / tokens + noise * delta[i][j]));
  return { delta, c, p };
}

/** Random numbers: Δ a tenth of W, inputs that lean on each other and differ in scale. */
export function randomLayer(shape: LinearShape, tokens: number, seed = 1): LayerNumbers {
  const [rows, width] = shape;
  const random = new SeededRandom(seed);
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const base = normals(rows * width);
  const fine = base.map((each) => each + 0.1 * random.normal());
  const fineInputs = new Float32Array(tokens * width);
  for (let t = 0; t < tokens; t++) {
    const shared = random.normal();
    for (let i = 0; i < width; i++) {
      fineInputs[t * width + i] = (shared + random.normal()) * (0.3 + i % 5);
    }
  }
  const compressedInputs = fineInputs.map((each) => each * (1 + 0.05 * random.normal()));
  return { shape, base, fine, fineInputs, compressedInputs };
}

/** A layer as a method sees it; its inputs are the engine's until they are released. */
export async function placedLayer(
  engine: Engine,
  { shape, base, fine, ...inputs }: LayerNumbers,
): Promise<LayerInput & AsyncDisposable> {
  const delta = fine.map((each, at) => each - base[at]);
  const [fineInputs, compressedInputs] = [
    await engine.place(inputs.fineInputs),
    await engine.place(inputs.compressedInputs),
  ];
  const group = new GroupWork();
  const magnitudes = delta.reduce((sum, each) => sum + Math.abs(each), 0);
  return {
    name: "layer",
    shape,
    base: float32Tensor(base, shape),
    fine: float32Tensor(fine, shape),
    signs: { mask: packSigns(delta, shape), meanMagnitude: magnitudes / delta.length },
    fineInputs,
    compressedInputs,
    group,
    async [Symbol.asyncDispose]() {
      await group[Symbol.asyncDispose]();
      [fineInputs, compressedInputs].forEach((each) => each.release());
    },
  };
}
