/**
 * Kernels of x · Wᵀ for one to eight rows of x, and of the compressed layer x · (W + α ⊙ S)ᵀ: products that
 * take as long as reading W does. W is `[columns, inner]` as checkpoints store it.
 *
 * **Order of summation.** The inner axis is cut into blocks of eight numbers; chain c of {@linkcode CHAINS} adds
 * the terms of blocks c, c + 64, c + 128 … one after the other, and the chains are added in order. It is the
 * same for every shape of a workgroup, so that the choice among them changes no bit. Products of more rows
 * have another order: a result may differ in its last digits between eight rows and nine.
 *
 * **Why it should stream.** An invocation is one chain of several columns: a step is one load of 16 bytes (eight
 * 16-bit weights) of each, none of which waits for another. Four columns each, a product of 11,008 columns has
 * 1,300 invocations on each of an H100's 132 processors and 85 KB under way there, five times what 3 TB/s at
 * 700 ns ask for. x comes from the cache, 32 bytes a row and step. That is little for one row. For eight it would be
 * four times the bytes of the weights, and so neighbours share it: eight invocations that follow each other take
 * eight blocks, the next eight the same blocks of other columns (`groups` > 1), and a load serves them all. With
 * 4 × 4 columns a workgroup, eight rows then cost the load unit some 9 µs and the multiply-adds 16 µs, both behind
 * the 36 µs in which 90 MB come from memory.
 */

import type { Kernel, Operand } from "../kernel.ts";
import { type Candidate, oneKernel } from "./candidates.ts";
import { FLAT_GROUP, foldedGroups } from "./grid.ts";
import { repeat } from "./product_tiles.ts";
import { GROUP_TEXT, groupReads, groupSizes, numberOfGroup, type RowGroups } from "./row_groups.ts";

/** Rows that share what is read of a weight. */
export const MOST_ROWS = 8;
/** Sums of one output that grow side by side. */
const CHAINS = 64;
/** Numbers of a block. */
export const EIGHT = 8;
/** Outputs of a workgroup whose chains are added at once; their chains lie in 8.1 KiB. */
const MOST_OUTPUTS = 32;

/** How a workgroup is shaped: `groups` × {@linkcode CHAINS} invocations, each of `columns` columns. */
export interface LaneShape {
  readonly groups: number;
  readonly columns: number;
}

/** What the product reads. */
export interface FewRowsFactors {
  /** x `[rows, inner]`, of one to eight rows. */
  readonly first: Operand;
  /** W `[columns, inner]`. */
  readonly second: Operand;
  /** Signs that are added to W, times a scale. */
  readonly signs?: {
    /** i32 `[⌈inner/32⌉, columns]`. */
    readonly mask: Operand;
    /** α, `[]` or `[columns]`. */
    readonly scale: Operand;
  };
  /** W `[groups, columns, inner]` of which each row of x, any number of them, takes its own. */
  readonly grouped?: RowGroups;
}

/** Rows that a workgroup has. */
export function rowsAtOnce({ first, grouped }: FewRowsFactors): number {
  const [rows] = first.shape;
  if (!grouped) return rows;
  // Rows of several groups share no weights.
  return grouped.count > 1 ? 1 : Math.ceil(rows / Math.ceil(rows / MOST_ROWS));
}

/** The product by one shape of workgroups. */
export function fewRowsKernel(factors: FewRowsFactors, shape: LaneShape): Kernel {
  const { first, second, signs, grouped } = factors;
  const [allRows, inner] = first.shape;
  const rows = rowsAtOnce(factors);
  const slabs = Math.ceil(allRows / rows);
  const columns = second.shape.at(-2)!;
  const width = shape.groups * shape.columns;
  const whole = inner % EIGHT === 0;
  const read = (operand: Operand) => whole ? { operand, vector: EIGHT } as const : operand;
  const blocks = Math.ceil(inner / EIGHT);
  const eachColumn = (line: (j: number) => string, separator?: string) =>
    repeat(shape.columns, line, separator);
  return {
    name: `${productName(factors)} of ${rows}, ${shapeName(shape)}`,
    reads: {
      first: read(first),
      second: read(second),
      ...signs,
      ...groupReads(grouped),
    },
    writes: { y: { shape: [allRows, columns] } },
    sizes: {
      columns,
      inner,
      blocks,
      ...signs && { scaleColumn: signs.scale.shape.length },
      ...grouped && { rows: allRows, slabs, ...groupSizes(grouped) },
    },
    ...grouped && { factors: { absent: NaN } },
    workgroup: [CHAINS * shape.groups],
    groups: foldedGroups(Math.ceil(columns / width) * slabs),
    module: [
      ...whole ? [ADD_EIGHT] : [],
      ...signs ? [WITH_SIGNS] : [],
      ...grouped ? [GROUP_TEXT] : [],
      addChains(Math.min(MOST_OUTPUTS, rows * width)),
    ].join("\n"),
    body: `
let chain = lane / ${EIGHT * shape.groups}u * ${EIGHT}u + lane % ${EIGHT}u;
let across = lane / ${EIGHT}u % ${shape.groups}u * ${shape.columns}u;
${grouped ? placeGroupedRows(rows, width) : `let firstColumn = (${FLAT_GROUP}) * ${width}u;`}
${
      eachColumn((j) =>
        `let column${j} = ${grouped ? "matrix + " : ""}` +
        `min(firstColumn + across + ${j}u, sizes.columns - 1u);`
      )
    }
${signs ? eachColumn((j) => `let scale${j} = scale_at(column${j} * sizes.scaleColumn);`) : ""}
${repeat(rows, (i) => eachColumn((j) => `var c${i}_${j} = 0.0;`, " "))}
for (var block = chain; block < ${grouped ? "blocks" : "sizes.blocks"}; block += ${CHAINS}u) {
  ${signs ? eachColumn((j) => `let s${j} = ${signsOf(j)};`, "\n  ") : ""}
  ${whole ? wholeBlock(rows, shape.columns, factors) : blockByOnes(rows, shape.columns, factors)}
}
${writeOutputs(rows, shape, grouped)}`.replaceAll(/\n\s*\n/g, "\n"),
  };
}

/** What a product is called. */
export function productName({ signs, grouped }: FewRowsFactors): string {
  return grouped ? "groupedMatmul" : signs ? "deltaLinear" : "matmul";
}

/**
 * WGSL of where rows of groups and their matrices lie. Workgroups that follow each other have other rows of the same
 * columns, so that a weight is read from memory once. Where no row has a matrix here there is nothing to add.
 */
function placeGroupedRows(rows: number, width: number): string {
  return `
let flat = ${FLAT_GROUP};
let firstRow = flat % sizes.slabs * ${rows}u;
let firstColumn = flat / sizes.slabs * ${width}u;
${repeat(rows, (i) => `let row${i} = min(firstRow + ${i}u, sizes.rows - 1u);`)}
${repeat(rows, (i) => `let group${i} = rowGroups[row${i}];`)}
let matrix = min(piece_of(group0), sizes.held - 1u) * sizes.columns;
let blocks = select(0u, sizes.blocks, ${repeat(rows, (i) => `is_here(group${i})`, " || ")});`;
}

/** WGSL of the place of a row in a workgroup's rows among all of them. */
function rowText(i: number, { grouped }: FewRowsFactors): string {
  return grouped ? `row${i}` : `${i}u`;
}

/** The inverted signs of a block, lowest bit first. */
function signsOf(column: number): string {
  return `~u32(mask[block / 4u * sizes.columns + column${column}]) >> (block % 4u * ${EIGHT}u)`;
}

/** Adds the terms of a block; all of its numbers are there. */
function wholeBlock(rows: number, columns: number, factors: FewRowsFactors): string {
  const signed = factors.signs !== undefined;
  const weight = (j: number) => {
    const read = `second_at8(column${j} * sizes.blocks + block)`;
    return `let w${j} = ${signed ? `with_signs(${read}, s${j}, scale${j})` : read};`;
  };
  const row = (i: number) =>
    `let a${i} = first_at8(${rowText(i, factors)} * sizes.blocks + block);\n  ` +
    repeat(columns, (j) => `c${i}_${j} = add_eight(c${i}_${j}, a${i}, w${j});`, "\n  ");
  return repeat(columns, weight, "\n  ") + "\n  " + repeat(rows, row, "\n  ");
}

/** Adds the terms of a block one by one, as far as there are any: rows of the operands begin anywhere. */
function blockByOnes(rows: number, columns: number, factors: FewRowsFactors): string {
  const signed = factors.signs !== undefined;
  const weight = (j: number) => {
    const read = `second_at(column${j} * sizes.inner + k)`;
    const sign = `bitcast<f32>(bitcast<u32>(scale${j}) ^ ((s${j} >> (k % ${EIGHT}u)) << 31u))`;
    return `let w${j} = ${read}${signed ? ` + ${sign}` : ""};`;
  };
  const row = (i: number) =>
    `let a${i} = first_at(${rowText(i, factors)} * sizes.inner + k); ` +
    repeat(columns, (j) => `c${i}_${j} = fma(a${i}, w${j}, c${i}_${j});`, " ");
  return `for (var k = block * ${EIGHT}u; k < min((block + 1u) * ${EIGHT}u, sizes.inner); k++) {
    ${repeat(columns, weight, "\n    ")}
    ${repeat(rows, row, "\n    ")}
  }`;
}

/** A sum and the eight products of two blocks, one after the other. */
const ADD_EIGHT = `
fn add_eight(sum: f32, a: mat2x4f, b: mat2x4f) -> f32 {
  let low = fma(a[0].w, b[0].w, fma(a[0].z, b[0].z, fma(a[0].y, b[0].y, fma(a[0].x, b[0].x, sum))));
  return fma(a[1].w, b[1].w, fma(a[1].z, b[1].z, fma(a[1].y, b[1].y, fma(a[1].x, b[1].x, low))));
}`.trim();

/** W ± α, rounded once: three operations a weight, whatever the rows. */
const WITH_SIGNS = `
fn with_signs(w: mat2x4f, signs: u32, scale: f32) -> mat2x4f {
  let bits = vec4u(bitcast<u32>(scale));
  let low = (vec4u(signs) << vec4u(31u, 30u, 29u, 28u)) & vec4u(0x80000000u);
  let high = (vec4u(signs) << vec4u(27u, 26u, 25u, 24u)) & vec4u(0x80000000u);
  return mat2x4f(w[0] + bitcast<vec4f>(bits ^ low), w[1] + bitcast<vec4f>(bits ^ high));
}`.trim();

/**
 * Where chains meet. An odd distance between outputs keeps them on different banks when they are added: eight at
 * a time, because software adapters take long to compile more.
 */
function addChains(outputs: number): string {
  return `
var<workgroup> chains: array<f32, ${outputs * (CHAINS + 1)}>;
fn add_chains(output: u32) -> f32 {
  let at = output * ${CHAINS + 1}u;
  var sum = 0.0;
  for (var c = at; c < at + ${CHAINS}u; c += ${EIGHT}u) {
    ${repeat(EIGHT, (e) => `sum += chains[c + ${e}u];`, " ")}
  }
  return sum;
}`.trim();
}

/** As many rows at a time as there is room for; one invocation adds the chains of an output. */
function writeOutputs(
  rows: number,
  { groups, columns }: LaneShape,
  grouped: RowGroups | undefined,
): string {
  const width = groups * columns;
  const atOnce = Math.max(1, Math.floor(MOST_OUTPUTS / width));
  return repeat(Math.ceil(rows / atOnce), (round) => {
    const from = round * atOnce;
    const count = Math.min(atOnce, rows - from);
    return `
${from > 0 ? "workgroupBarrier();" : ""}
${
      repeat(count, (i) =>
        repeat(columns, (j) =>
          `chains[(${i * width + j}u + across) * ${CHAINS + 1}u + chain] = c${from + i}_${j};`))
    }
workgroupBarrier();
if (lane < ${count * width}u && firstColumn + lane % ${width}u < sizes.columns) {
  let row = ${grouped ? "firstRow + " : ""}${from}u + lane / ${width}u;
  ${
      grouped
        ? keepGrouped(`firstColumn + lane % ${width}u`, grouped)
        : `y[row * sizes.columns + firstColumn + lane % ${width}u] = add_chains(lane);`
    }
}`.trim();
  });
}

function keepGrouped(column: string, grouped: RowGroups): string {
  const text = { group: "ofRow", row: "ofAll", column: "column", sum: "add_chains(lane)" };
  return `let ofAll = min(row, sizes.rows - 1u);
  let ofRow = rowGroups[ofAll];
  let column = ${column};
  if (row < sizes.rows) { y[row * sizes.columns + column] = ${numberOfGroup(grouped, text)}; }`;
}

/** `"lanes 128 by 4"`: invocations, and the columns of each. */
function shapeName({ groups, columns }: LaneShape): string {
  return `lanes ${CHAINS * groups} by ${columns}`;
}

/**
 * Shapes for so many rows, likeliest first. More columns an invocation: more loads under way and x read less
 * often; fewer: more invocations, where columns are few. Groups share x, which matters with the rows.
 */
function shapes(rows: number): readonly LaneShape[] {
  if (rows <= 2) {
    return [{ groups: 1, columns: 4 }, { groups: 2, columns: 4 }, { groups: 1, columns: 2 }];
  }
  return [{ groups: 4, columns: 4 }, { groups: 4, columns: 2 }, { groups: 2, columns: 4 }];
}

/** The candidates for the rows of x. */
export function laneCandidates(factors: FewRowsFactors): Candidate[] {
  return shapes(rowsAtOnce(factors)).map((shape) =>
    oneKernel(shapeName(shape), () => fewRowsKernel(factors, shape))
  );
}
