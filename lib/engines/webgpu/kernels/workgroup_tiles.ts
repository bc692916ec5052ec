/**
 * Workgroup tiles, for hardware: a workgroup copies blocks of both factors to its own memory, then each
 * invocation adds to its outputs, which are vectors in registers, from there. The text knows no loop but
 * those over the inner axis and no index into registers that is not a constant: what drivers make fast
 * code of. Where the blocks come from is `block_sources.ts`.
 *
 * Workgroups along z take stretches of the inner axis: all of them, or where that makes too few
 * workgroups for a device, one each; a second kernel adds those sums.
 */

import type { Kernel } from "../kernel.ts";
import type { BlockSource } from "./block_sources.ts";
import { BLOCK, type ProductSizes, repeat, STRETCH, stretchesOf } from "./product_tiles.ts";

/** Outputs of one workgroup and of one invocation, and how deep the blocks are; multiples of four. */
export interface WorkgroupTile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Outputs of an invocation, neighbouring rows by groups of four columns. */
  readonly each: readonly [rows: number, columns: number];
  /** Whether stretches of the inner axis are different workgroups'. */
  readonly split?: boolean;
  /** Whether the next blocks are on their way to registers while these are multiplied. */
  readonly ahead?: boolean;
}

/** A product by its factors. */
export interface BlockProduct {
  readonly name: string;
  readonly sizes: ProductSizes;
  /** One block. */
  readonly first: BlockSource;
  /** One block for each sum. */
  readonly second: BlockSource;
  /** Names of the sums, in the order of the second factor's blocks. */
  readonly sums: readonly string[];
}

/** `"workgroup 64x64x16 8x4 split"`. */
export function workgroupTileName(tile: WorkgroupTile): string {
  const { rows, columns, depth, each, split, ahead } = tile;
  return `workgroup ${rows}x${columns}x${depth} ${each.join("x")}` +
    (split ? " split" : "") + (ahead ? " ahead" : "");
}

/** Invocations of a workgroup. */
export function workgroupThreads({ rows, columns, each }: WorkgroupTile): number {
  return rows * columns / (each[0] * each[1]);
}

/** The kernel that writes the sums, `[parts, rows, columns]` where stretches are split. */
export function workgroupKernel(product: BlockProduct, tile: WorkgroupTile): Kernel {
  const { name, sizes, first, second, sums } = product;
  const stretches = stretchesOf(sizes);
  const parts = tile.split ? stretches : 1;
  const shape = tile.split ? [parts, sizes.rows, sizes.columns] : [sizes.rows, sizes.columns];
  const isVector = sizes.columns % BLOCK === 0;
  const written = { shape, ...isVector ? { vector: BLOCK } as const : {} };
  return {
    name: `${name}, ${workgroupTileName(tile)}`,
    reads: { ...first.reads, ...second.reads },
    writes: Object.fromEntries(sums.map((each) => [each, written])),
    sizes: { ...sizes, stretches: tile.split ? 1 : stretches, ...first.sizes, ...second.sizes },
    workgroup: [workgroupThreads(tile)],
    groups: [
      Math.ceil(sizes.rows / tile.rows),
      Math.ceil(sizes.columns / tile.columns),
      parts,
    ],
    module: [
      first.module,
      second.module,
      ...blocksOf(product, tile).map(({ name, width }) =>
        `var<workgroup> ${name}_block: array<vec4f, ${tile.depth * width}>;`
      ),
      ...sums.map((each) => keepFunction(each, isVector)),
    ].join("\n"),
    body: body(product, tile),
  };
}

/** The blocks in workgroup memory, the first factor's first; widths in vectors. */
function blocksOf({ first, second }: BlockProduct, tile: WorkgroupTile) {
  return [first, second].flatMap((source) =>
    Object.entries(source.blocks).map(([name, stored]) => ({
      name,
      stored,
      source,
      width: tile[source.count] / BLOCK,
    }))
  );
}

function body(product: BlockProduct, tile: WorkgroupTile): string {
  const { sums } = product;
  const across = tile.columns / tile.each[1];
  const down = tile.rows / tile.each[0];
  const pieces = loadedPieces(product, tile);
  const load = (at: string) => `let k = ${at};\n` + pieces.map(({ load }) => load).join("\n");
  const store = pieces.map(({ store }) => store).join("\n");
  return `
let rows_at = group.x * ${tile.rows}u;
let columns_at = group.y * ${tile.columns}u;
let across = lane % ${across}u;
let down = lane / ${across}u % ${down}u;
${eachSum(product, tile, (sum) => `var ${sum} = vec4f();`)}
${pieces.map(({ declare }) => declare).join("\n")}
let first_stretch = group.z * sizes.stretches;
${tile.ahead ? `{\n${load(`first_stretch * ${STRETCH}u`)}\n}` : ""}
for (var stretch = first_stretch; stretch < first_stretch + sizes.stretches; stretch++) {
let end = min((stretch + 1u) * ${STRETCH}u, sizes.inner);
for (var k0 = stretch * ${STRETCH}u; k0 < end; k0 += ${tile.depth}u) {
${tile.ahead ? "" : load("k0")}
${store}
workgroupBarrier();
${tile.ahead ? load(`k0 + ${tile.depth}u`) : ""}
${repeat(tile.depth, (d) => multiplied(product, tile, d))}
workgroupBarrier();
}
let adds = stretch > first_stretch;
${
    repeat(tile.each[0], (i) =>
      `let row${i} = rows_at + down * ${tile.each[0]}u + ${i}u;\n` +
      repeat(tile.each[1] / BLOCK, (j) => {
        const column = `columns_at + (across + ${j * across}u) * ${BLOCK}u`;
        return sums.map((sum) =>
          `keep_${sum}(group.z, row${i}, ${column}, ${sum}${i}_${j}, adds); ${sum}${i}_${j} = vec4f();`
        ).join("\n");
      }))
  }
}`.trim();
}

/** The registers of all sums, by their names. */
function eachSum({ sums }: BlockProduct, { each }: WorkgroupTile, line: (sum: string) => string) {
  return sums.map((sum) =>
    repeat(each[0], (i) => repeat(each[1] / BLOCK, (j) => line(`${sum}${i}_${j}`), " "))
  ).join("\n");
}

/**
 * Where a group of four stands in a row of a block that is `width` vectors wide. Rows of different depth are
 * shifted against each other, so that invocations that store patches one below the other do not wait for
 * the same bank of memory.
 */
function shifted(at: string, deep: number | string, width: number): string {
  if (typeof deep === "number") return `(${at} ^ ${2 * deep % width}u)`;
  return `(${at} ^ (${deep} * 2u % ${width}u))`;
}

/** WGSL that adds the terms of depth `d` to all sums. */
function multiplied(product: BlockProduct, tile: WorkgroupTile, d: number): string {
  const [rows, columns] = [tile.each[0] / BLOCK, tile.each[1] / BLOCK];
  const across = tile.columns / tile.each[1];
  const [first, ...seconds] = blocksOf(product, tile);
  const deep = Math.floor(d / BLOCK);
  const vector = ({ name, width }: typeof first, at: string) =>
    `${name}_block[${d * width}u + ${shifted(at, deep, width)}]`;
  const terms = product.sums.map((sum, s) =>
    repeat(tile.each[0], (i) =>
      repeat(columns, (j) => {
        const c = `${sum}${i}_${j}`;
        const a = `a${Math.floor(i / BLOCK)}[${i % BLOCK}]`;
        return `${c} = fma(vec4f(${a}), b${s}_${j}, ${c});`;
      }, " "))
  );
  return `{
${repeat(rows, (i) => `let a${i} = ${vector(first, `(down * ${rows}u + ${i}u)`)};`)}
${
    seconds.map((each, s) =>
      repeat(columns, (j) => `let b${s}_${j} = ${vector(each, `(across + ${j * across}u)`)};`)
    ).join("\n")
  }
${terms.join("\n")}
}`;
}

/** A share of the blocks' patches, one for each invocation. */
interface Piece {
  readonly declare: string;
  /** Loads patches at inner index `k`. */
  readonly load: string;
  readonly store: string;
}

/** All patches of both factors, dealt out to the invocations. */
function loadedPieces(product: BlockProduct, tile: WorkgroupTile): Piece[] {
  const threads = workgroupThreads(tile);
  let begin = 0;
  const spans = [product.first, product.second].map((source) => {
    const from = begin;
    begin += tile[source.count] * tile.depth / BLOCK ** 2;
    return { source, from, to: begin };
  });
  return Array.from({ length: Math.ceil(begin / threads) }, (_, piece) => {
    const first = piece * threads;
    const shares = spans.filter(({ from, to }) => from < first + threads && to > first);
    const most = Math.max(...shares.map(({ source }) => source.patches.length));
    const held = Array.from({ length: most }, (_, p) => `held${piece}_${p}`);
    const chosen = (text: (source: BlockSource) => string) =>
      shares.map(({ source, from, to }) => {
        const condition = to < first + threads ? `if (lane < ${to - first}u) ` : "";
        const place = placed(source, tile, `lane + ${first}u - ${from}u`);
        return `${condition}{\n${place}\n${text(source)}\n}`;
      }).join(" else ");
    return {
      declare: held.map((each) => `var ${each} = mat4x4f();`).join(" "),
      load: chosen((source) => loaded(source, held)),
      store: chosen((source) => stored(source, held, tile)),
    };
  });
}

/** WGSL: which patch of a source is the `index`th; neighbours are neighbours in memory. */
function placed(source: BlockSource, tile: WorkgroupTile, index: string): string {
  const [width, depth] = [tile[source.count] / BLOCK, tile.depth / BLOCK];
  const [four, deep] = source.along === "inner"
    ? [`i / ${depth}u`, `i % ${depth}u`]
    : [`i % ${width}u`, `i / ${width}u`];
  return `let i = ${index}; let four = ${four}; let deep = ${deep};`;
}

function loaded({ count, patches }: BlockSource, held: readonly string[]): string {
  return `let outer = ${count}_at + four * ${BLOCK}u; let inner = k + deep * ${BLOCK}u;\n` +
    patches.map((patch, p) => `${held[p]} = ${patch}(outer, inner);`).join("\n");
}

function stored(source: BlockSource, held: readonly string[], tile: WorkgroupTile): string {
  const width = tile[source.count] / BLOCK;
  const place = `let at = deep * ${BLOCK * width}u + ${shifted("four", "deep", width)};\n`;
  return place +
    Object.entries(source.blocks).map(([name, value]) =>
      repeat(BLOCK, (c) => `${name}_block[at + ${c * width}u] = ${value(held, c)};`)
    ).join("\n");
}

/** WGSL of the function that writes four columns of a sum, or adds them to what is there. */
function keepFunction(sum: string, isVector: boolean): string {
  const four =
    `if (adds) { ${sum}[at / ${BLOCK}u] += four; } else { ${sum}[at / ${BLOCK}u] = four; }`;
  const one = (e: number) =>
    `if (column + ${e}u < sizes.columns) { ` +
    `${sum}[at + ${e}u] = select(0.0, ${sum}[at + ${e}u], adds) + four[${e}]; }`;
  return `
fn keep_${sum}(part: u32, row: u32, column: u32, four: vec4f, adds: bool) {
  if (row >= sizes.rows || column >= sizes.columns) { return; }
  let at = (part * sizes.rows + row) * sizes.columns + column;
  ${isVector ? four : repeat(BLOCK, one, "\n  ")}
}`.trim();
}
