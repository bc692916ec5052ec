/** The products of a compressed linear layer that are timed, as graphs, and their sizes. */

import { input, type Value } from "../../lib/graph/graph.ts";
import type { Storage } from "../../lib/engines/webgpu/kernel.ts";
import { deltaLinear } from "../../lib/engines/webgpu/fused/delta_linear.ts";
import { deltaProjections } from "../../lib/engines/webgpu/fused/delta_projections.ts";
import { signMatmulTransposed } from "../../lib/engines/webgpu/fused/sign_products.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { signMatmul } from "../../lib/graph/ops/signs.ts";

/** A product `[rows, inner] · [inner, columns]` and how its weight is stored. */
export interface Product {
  readonly name: string;
  readonly build: (sizes: Sizes) => Value;
  readonly weight?: Storage;
  /** Products in one; default: 1. */
  readonly count?: number;
}

export interface Sizes {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

const x = ({ rows, inner }: Sizes) => input("x", [rows, inner]);
const weight = ({ inner, columns }: Sizes) => input("weight", [columns, inner]);
const mask = ({ inner, columns }: Sizes) => input("mask", [Math.ceil(inner / 32), columns], "i32");
const linear = (sizes: Sizes) => matmul(x(sizes), weight(sizes), { transposeSecond: true });
const layer = (sizes: Sizes) =>
  deltaLinear(
    { x: x(sizes), weight: weight(sizes), mask: mask(sizes), scale: input("scale", []) },
    false,
  );

export const plain: Product = {
  name: "x · W",
  build: (sizes) => matmul(x(sizes), input("second", [sizes.inner, sizes.columns])),
};
export const linearF32: Product = { name: "x · Wᵀ, W float32", build: linear };
export const linearBf16: Product = { name: "x · Wᵀ, W bfloat16", build: linear, weight: "bf16" };
export const signed: Product = {
  name: "x · Sᵀ, packed",
  build: (sizes) => signMatmul(x(sizes), mask(sizes)),
};
export const backward: Product = {
  name: "g · S, packed",
  build: (sizes) =>
    signMatmulTransposed(input("g", [sizes.rows, sizes.inner]), turnedMask(sizes), sizes.columns),
};
export const layerF32: Product = { name: "x · Wᵀ + α x · Sᵀ, W float32", build: layer, count: 2 };
export const layerBf16: Product = {
  name: "x · Wᵀ + α x · Sᵀ, W bfloat16",
  build: layer,
  weight: "bf16",
  count: 2,
};
export const projections: Product = {
  name: "x · Δᵀ and x · sign(Δ)ᵀ",
  build: (sizes) => deltaProjections(x(sizes), weight(sizes), 1),
  count: 2,
};

/** S `[inner, columns]`, packed along the columns. */
function turnedMask({ inner, columns }: Sizes): Value {
  return input("turned mask", [Math.ceil(columns / 32), inner], "i32");
}

export const square: Sizes = { rows: 512, inner: 512, columns: 512 };
export const projection: Sizes = { rows: 128, inner: 4096, columns: 4096 };
/** One token, as text is generated: the weight is read for one row. */
export const single: Sizes = { rows: 1, inner: 4096, columns: 11008 };
export const upward: Sizes = { rows: 512, inner: 4096, columns: 11008 };
export const long: Sizes = { rows: 2048, inner: 4096, columns: 4096 };
