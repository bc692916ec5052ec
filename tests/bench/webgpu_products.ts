/**
 * The products of a compressed linear layer by themselves: packed signs and the fused layer against the
 * dense product that they stand beside, and what each makes of the device, whose peaks are measured too.
 */

import type { Table } from "../../lib/tables/table.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { timeKernels, type TimerState } from "../../lib/engines/webgpu/kernel_timer.ts";
import { lower, type LoweredGraph } from "../../lib/engines/webgpu/lower.ts";
import { Pipelines } from "../../lib/engines/webgpu/pipelines.ts";
import { tensorBytes } from "../../lib/engines/webgpu/plan.ts";
import { type ChooseTile, Tuner } from "../../lib/engines/webgpu/tuner.ts";
import { type Comparison, medianQuotient } from "./comparison.ts";
import {
  backward,
  layerBf16,
  layerF32,
  linearBf16,
  linearF32,
  long,
  plain,
  type Product,
  projection,
  projections,
  signed,
  single,
  type Sizes,
  square,
  upward,
} from "./layer_products.ts";
import { measurePeaks, type Peaks } from "./webgpu_peaks.ts";

const TURNS = 7;

/** Rows up to which the weight is read from memory and not from a cache, as in a model. */
const FEW_ROWS = 8;

/** A product of some sizes. */
interface Asked {
  readonly product: Product;
  readonly sizes: Sizes;
}

/** The same, timed. */
interface Timed extends Asked {
  readonly graph: LoweredGraph;
  readonly seconds: readonly number[];
}

const of = (sizes: Sizes, products: readonly Product[]): Asked[] =>
  products.map((product) => ({ product, sizes }));

/** What is asked of both kinds of device, and what would take a CPU that plays GPU too long. */
const asked = [
  ...of(square, [plain, linearF32, signed]),
  ...of(projection, [
    plain,
    linearF32,
    linearBf16,
    signed,
    backward,
    layerF32,
    layerBf16,
    projections,
  ]),
  ...of(single, [linearBf16, signed, layerBf16]),
];
const askedOfHardware = [
  ...of(upward, [linearBf16, signed, layerBf16, projections]),
  ...of(long, [linearBf16, signed, layerBf16, projections]),
];

/** TFLOPS of products with bfloat16 weights that an H100 is to reach; what another card is to, nobody said. */
const H100 = { name: /H100/, products: [[projection, 20], [upward, 25], [long, 28]] } as const;
/** Share of the measured bandwidth at which the weight is to be read for one row. */
const SHARE_OF_BANDWIDTH = 0.7;

/** Ratios with their bounds, and a table of all products. */
export async function measureProducts(
  engine: WebGpuEngine,
): Promise<{ rows: Comparison[]; tables: Table[] }> {
  const { device } = engine;
  const { name, software } = device.adapter;
  const state = { device, pipelines: new Pipelines(device) };
  const peaks = await measurePeaks(state);
  const timed = await timeProducts(state, software ? asked : [...asked, ...askedOfHardware]);
  return {
    rows: [
      ...layerComparisons(timed, software),
      ...software ? [] : cardComparisons(timed, peaks, name),
    ],
    tables: [productTable(timed, peaks, name)],
  };
}

async function timeProducts(state: TimerState, products: readonly Asked[]): Promise<Timed[]> {
  const { device } = state;
  const tuner = await Tuner.open(state);
  const graphs = new Map<Asked, LoweredGraph>();
  for (const each of products) {
    const { product, sizes } = each;
    const storage = (name: string) => name === "weight" ? product.weight : undefined;
    const lowerWith = (tile: ChooseTile) =>
      lower({ y: product.build(sizes) }, { features: device.features, storage, tile });
    await tuner.prepare(lowerWith);
    graphs.set(each, lowerWith(tuner.tile));
  }
  const timed: Timed[] = [];
  for (const cold of [false, true]) {
    const some = products.filter(({ sizes: { rows } }) => cold === rows <= FEW_ROWS);
    const sequences = some.map((each) => graphs.get(each)!.dispatches);
    const seconds = await timeKernels(state, sequences, { rounds: TURNS, cold });
    some.forEach((each, index) =>
      timed.push({ ...each, graph: graphs.get(each)!, seconds: seconds[index] })
    );
  }
  return timed;
}

function find(timed: readonly Timed[], product: Product, sizes: Sizes): Timed {
  return timed.find((each) => each.product === product && each.sizes === sizes)!;
}

function compareTimes(ours: Timed, peer: Timed, timesPeer: number | undefined): Comparison {
  return {
    what: `${ours.product.name}, ${sizesText(ours.sizes)}`,
    unit: "ms",
    ours: 1000 * Math.min(...ours.seconds),
    peer: 1000 * Math.min(...peer.seconds),
    quotient: medianQuotient(ours.seconds, peer.seconds),
    peerIs: peer.product.name,
    better: "lower",
    bound: null,
    timesPeer,
  };
}

/**
 * What a compressed layer costs beside a dense one. Signs spare a CPU multiplications; to a card they are the
 * dense product again once they are unpacked.
 */
function layerComparisons(timed: readonly Timed[], software: boolean): Comparison[] {
  const dense = find(timed, linearF32, projection);
  const half = software ? 1 / 2 : undefined;
  return [
    compareTimes(find(timed, signed, square), find(timed, linearF32, square), half),
    compareTimes(find(timed, signed, projection), dense, half),
    compareTimes(find(timed, layerF32, projection), dense, 1.6),
    compareTimes(find(timed, layerBf16, projection), dense, 1.6),
  ];
}

/** What a card is to reach: of its arithmetic where rows are many, of its memory where there is one. */
function cardComparisons(timed: readonly Timed[], peaks: Peaks, adapter: string): Comparison[] {
  const many = H100.products.map(([sizes, bound]): Comparison => {
    const ours = find(timed, linearBf16, sizes);
    return {
      what: `${ours.product.name}, ${sizesText(sizes)}`,
      unit: "TFLOPS",
      ours: flops(ours) / 1e12,
      peer: peaks.flops / 1e12,
      peerIs: "multiply-adds in registers, measured",
      better: "higher",
      bound: H100.name.test(adapter) ? bound : null,
    };
  });
  const one = find(timed, linearBf16, single);
  return [
    ...many,
    {
      what: `${one.product.name}, ${sizesText(single)}`,
      unit: "GB/s",
      ours: bandwidth(one) / 1e9,
      peer: peaks.bandwidth / 1e9,
      peerIs: "reading or copying, measured",
      better: "higher",
      bound: null,
      timesPeer: SHARE_OF_BANDWIDTH,
    },
    compareTimes(find(timed, signed, single), one, 1 / 3),
  ];
}

function productTable(timed: readonly Timed[], peaks: Peaks, adapter: string): Table {
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const names = ["", "Tiles", "ms", "TFLOPS", "Of the peak", "GB/s", "Of the bandwidth"];
  return {
    title: `Products on ${adapter}`,
    columns: names.map((name) => ({ name })),
    rows: timed.map((each) => [
      `${each.product.name}, ${sizesText(each.sizes)}`,
      each.graph.dispatches[0].kernel.name.replace(/^.*, /, ""),
      short(1000 * Math.min(...each.seconds)),
      short(flops(each) / 1e12),
      percent(flops(each) / peaks.flops),
      short(bandwidth(each) / 1e9),
      percent(bandwidth(each) / peaks.bandwidth),
    ]),
    note:
      "Fastest of several runs in turns, by the device's clock where it has one; the weight of one " +
      "row comes from memory, not from a cache. Two operations a term of a product, with signs as " +
      "without. GB/s: each operand and result once. Measured peaks: multiply-adds in registers " +
      `${short(peaks.flops / 1e12)} TFLOPS, reading or copying ${
        short(peaks.bandwidth / 1e9)
      } GB/s.`,
  };
}

/** Operations a second. */
function flops({ product, sizes: { rows, inner, columns }, seconds }: Timed): number {
  return 2 * (product.count ?? 1) * rows * inner * columns / Math.min(...seconds);
}

/** Bytes a second. */
function bandwidth({ graph, seconds }: Timed): number {
  const tensors = [...graph.inputs.values(), ...graph.outputs.values()];
  return tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0) / Math.min(...seconds);
}

function sizesText({ rows, inner, columns }: Sizes): string {
  return `${rows} × ${inner} × ${columns}`;
}

function short(value: number): number {
  return Number(value.toPrecision(3));
}
