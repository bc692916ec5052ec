/**
 * The products of a compressed linear layer by themselves: packed signs and the fused layer against the
 * dense product that they stand beside, and what each makes of the adapter.
 */

import type { Shape, Value } from "../../lib/graph/graph.ts";
import { elementCount } from "../../lib/checkpoint/tensor.ts";
import { input } from "../../lib/graph/graph.ts";
import type { Kernel, Storage } from "../../lib/engines/webgpu/kernel.ts";
import { deltaLinear } from "../../lib/engines/webgpu/fused/delta_linear.ts";
import { deltaProjections } from "../../lib/engines/webgpu/fused/delta_projections.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { signMatmul } from "../../lib/graph/ops/signs.ts";
import { signMatmulTransposed } from "../../lib/engines/webgpu/fused/sign_products.ts";
import type { Table } from "../../lib/tables/table.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { type Sequence, timeKernels } from "../../lib/engines/webgpu/kernel_timer.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { Pipelines } from "../../lib/engines/webgpu/pipelines.ts";
import { storedBytes } from "../../lib/engines/webgpu/buffers.ts";
import { readOperand } from "../../lib/engines/webgpu/shader.ts";
import { type ChooseTile, Tuner } from "../../lib/engines/webgpu/tuner.ts";
import { type Comparison, medianQuotient } from "./comparison.ts";

const TURNS = 7;

/** A product `[rows, inner] · [inner, columns]` and how its weight is stored. */
interface Product {
  readonly name: string;
  readonly build: (sizes: Sizes) => Value;
  readonly weight?: Storage;
  /** Products in one; default: 1. */
  readonly count?: number;
}

interface Sizes {
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

const plain: Product = {
  name: "x · W",
  build: (sizes) => matmul(x(sizes), input("second", [sizes.inner, sizes.columns])),
};
const linearF32: Product = { name: "x · Wᵀ, W float32", build: linear };
const linearBf16: Product = { name: "x · Wᵀ, W bfloat16", build: linear, weight: "bf16" };
const signed: Product = {
  name: "x · Sᵀ, packed",
  build: (sizes) => signMatmul(x(sizes), mask(sizes)),
};
const backward: Product = {
  name: "g · S, packed",
  build: (sizes) =>
    signMatmulTransposed(input("g", [sizes.rows, sizes.inner]), turnedMask(sizes), sizes.columns),
};
const layerF32: Product = { name: "x · Wᵀ + α x · Sᵀ, W float32", build: layer, count: 2 };
const layerBf16: Product = {
  name: "x · Wᵀ + α x · Sᵀ, W bfloat16",
  build: layer,
  weight: "bf16",
  count: 2,
};
const projections: Product = {
  name: "x · Δᵀ and x · sign(Δ)ᵀ",
  build: (sizes) => deltaProjections(x(sizes), weight(sizes), 1),
  count: 2,
};

/** S `[inner, columns]`, packed along the columns. */
function turnedMask({ inner, columns }: Sizes): Value {
  return input("turned mask", [Math.ceil(columns / 32), inner], "i32");
}

const square: Sizes = { rows: 512, inner: 512, columns: 512 };
const projection: Sizes = { rows: 128, inner: 4096, columns: 4096 };

/** A product of some sizes, timed. */
interface Timed {
  readonly product: Product;
  readonly sizes: Sizes;
  readonly kernel: Kernel;
  readonly seconds: readonly number[];
}

/** Ratios with their bounds, and a table of all products. */
export async function measureProducts(
  engine: WebGpuEngine,
): Promise<{ rows: Comparison[]; table: Table }> {
  const asked = [
    ...[plain, linearF32, signed].map((product) => ({ product, sizes: square })),
    ...[
      plain,
      linearF32,
      linearBf16,
      signed,
      backward,
      layerF32,
      layerBf16,
      projections,
    ].map((product) => ({ product, sizes: projection })),
  ];
  const { device } = engine;
  const state = { device, pipelines: new Pipelines(device) };
  const tuner = await Tuner.open(state);
  const sequences: Sequence[] = [];
  for (const { product, sizes } of asked) {
    const storage = (name: string) => name === "weight" ? product.weight : undefined;
    const lowerWith = (tile: ChooseTile) =>
      lower({ y: product.build(sizes) }, { features: device.features, storage, tile });
    await tuner.prepare(lowerWith);
    sequences.push(lowerWith(tuner.tile).dispatches);
  }
  const seconds = await timeKernels(state, sequences, { rounds: TURNS });
  const timed = asked.map((each, index) => ({
    ...each,
    kernel: sequences[index][0].kernel,
    seconds: seconds[index],
  }));
  return { rows: comparisons(timed), table: productTable(timed, device.adapter.name) };
}

function comparisons(timed: readonly Timed[]): Comparison[] {
  const find = (product: Product, sizes: Sizes) =>
    timed.find((each) => each.product === product && each.sizes === sizes)!;
  const compare = (ours: Timed, peer: Timed, timesPeer: number): Comparison => ({
    what: `${ours.product.name}, ${sizesText(ours.sizes)}`,
    unit: "ms",
    ours: 1000 * Math.min(...ours.seconds),
    peer: 1000 * Math.min(...peer.seconds),
    quotient: medianQuotient(ours.seconds, peer.seconds),
    peerIs: peer.product.name,
    better: "lower",
    bound: null,
    timesPeer,
  });
  return [
    compare(find(signed, square), find(linearF32, square), 1 / 2),
    compare(find(signed, projection), find(linearF32, projection), 1 / 2),
    compare(find(layerF32, projection), find(linearF32, projection), 1.6),
    compare(find(layerBf16, projection), find(linearBf16, projection), 1.6),
  ];
}

function productTable(timed: readonly Timed[], adapter: string): Table {
  const dense = [plain, linearF32, linearBf16];
  const best = Math.max(
    ...timed.filter(({ product }) => dense.includes(product)).map(gigaflops),
  );
  return {
    title: `Products on ${adapter}`,
    columns: ["", "Tiles", "ms", "GFLOPS", "GB/s", "Of the best matmul"].map((name) => ({ name })),
    rows: timed.map((each) => [
      `${each.product.name}, ${sizesText(each.sizes)}`,
      each.kernel.name.replace(/^.*, /, ""),
      short(1000 * Math.min(...each.seconds)),
      short(gigaflops(each)),
      short(1e-9 * bytesOf(each.kernel) / Math.min(...each.seconds)),
      `${Math.round(100 * gigaflops(each) / best)} %`,
    ]),
    note:
      "Fastest of several runs in turns, by the device's clock where it has one. Two operations a " +
      "term of a product, with signs as without. GB/s: each operand and result once.",
  };
}

function gigaflops({ product, sizes: { rows, inner, columns }, seconds }: Timed): number {
  return 2e-9 * (product.count ?? 1) * rows * inner * columns / Math.min(...seconds);
}

function bytesOf({ reads, writes }: Kernel): number {
  const bytes = (shape: Shape, storage: Storage) => storedBytes(elementCount(shape), storage);
  const operands = Object.values(reads).map((each) => readOperand(each).operand);
  return operands.reduce((sum, { shape, storage }) => sum + bytes(shape, storage), 0) +
    Object.values(writes).reduce((sum, { shape }) => sum + bytes(shape, "f32"), 0);
}

function sizesText({ rows, inner, columns }: Sizes): string {
  return `${rows} × ${inner} × ${columns}`;
}

function short(value: number): number {
  return Number(value.toPrecision(3));
}
