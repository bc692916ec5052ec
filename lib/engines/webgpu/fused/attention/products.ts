/**
 * The two products of tiled attention as WGSL: rows with columns, which gives a tile of scores, and a
 * tile of weights with columns, which is summed into the result's rows. Barriers included.
 */

import { TILE } from "./tiles.ts";

/** The 32 rows that a tile takes of an operand; `head` and `first` are WGSL. */
export interface TileSource {
  readonly name: string;
  readonly head: string;
  readonly first: string;
}

const FOUR = [0, 1, 2, 3] as const;

/** One line of WGSL for each of the four columns (or rows) of an invocation. */
export function forEachOfFour(line: (index: number) => string): string {
  return FOUR.map(line).join("\n");
}

/**
 * `<into>0` … `<into>3`: the products of the invocation's four rows, from `down * 4` on, with its columns
 * `across`, `across + 8`, `across + 16`, `across + 24`, one `vec4f` of rows for each column.
 */
export function products(rows: TileSource, columns: TileSource, into: string): string {
  return `
${forEachOfFour((column) => `var ${into}${column} = vec4f();`)}
for (var feature = 0u; feature < sizes.headSize; feature += 32u) {
  workgroupBarrier();
  for (var at = lane; at < 256u; at += 64u) {
    ${load("0u", rows, "feature")}
    ${load("288u", columns, "feature")}
  }
  workgroupBarrier();
  let steps = min(8u, (sizes.headSize - feature + 3u) / 4u);
  // Two at a time: zeros stand past the last feature.
  for (var step = 0u; step < steps; step += 2u) {
${["step", "step + 1u"].map((step) => oneStep(step, into)).join("\n")}
  }
}`;
}

/** Adds the products of four features of the invocation's rows and columns. */
function oneStep(step: string, into: string): string {
  return `{
${forEachOfFour((row) => `let row${row} = tiles[(down * 4u + ${row}u) * 9u + ${step}];`)}
${
    forEachOfFour((column) =>
      `let column${column} = tiles[288u + (across + ${8 * column}u) * 9u + ${step}];
${into}${column} += vec4f(${FOUR.map((row) => `dot(row${row}, column${column})`).join(", ")});`
    )
  }
}`;
}

/** Sets the weights that {@linkcode accumulate} sums with from `<from>0` … `<from>3`. */
export function storeWeights(from: string): string {
  return forEachOfFour((column) =>
    `weights[(across + ${8 * column}u) * 8u + down] = ${from}${column};`
  );
}

/** Declares the sums of {@linkcode accumulate}: four rows of `headSize` features, all 0. */
export function declareSums(headSize: number): string {
  return `var sums = array<vec4f, ${4 * Math.ceil(headSize / TILE)}>();`;
}

/**
 * Adds Σ over columns of weight · column to the sums, multiplied before by `correction`, a `vec4f` of
 * rows, if there is one. The two tiles take turns from chunk to chunk, so that one barrier a chunk is
 * enough. The sums of a chunk are variables while they grow: an array that a loop indexes may lie in
 * memory, and is then read and written once for every 512 multiply-adds of an invocation. Columns go four at
 * a time, so that the guard of a loop stands beside 64 of them; past the last of a sequence stand zeros.
 */
export function accumulate(headSize: number, columns: TileSource, correction?: string): string {
  return `
let columns = min(32u, sizes.sequence - ${columns.first});
workgroupBarrier();
for (var chunk = 0u; chunk < ${Math.ceil(headSize / TILE)}u; chunk++) {
  let tile = chunk % 2u * 288u;
  for (var at = lane; at < 256u; at += 64u) {
    ${load("tile", columns, "chunk * 32u")}
  }
  workgroupBarrier();
${
    forEachOfFour((row) =>
      `var sum${row} = sums[chunk * 4u + ${row}u]${correction ? ` * ${correction}[${row}]` : ""};`
    )
  }
  for (var column = 0u; column < columns; column += 4u) {
${
    forEachOfFour((next) =>
      `{
let weight = weights[(column + ${next}u) * 8u + down];
let features = tiles[tile + (column + ${next}u) * 9u + across];
${forEachOfFour((row) => `sum${row} = fma(vec4f(weight[${row}]), features, sum${row});`)}
}`
    )
  }
  }
${forEachOfFour((row) => `sums[chunk * 4u + ${row}u] = sum${row};`)}
}`;
}

/**
 * Writes the sums, multiplied by `factor` if there is one, as the rows from `first` on of `head` of the
 * result. They pass through a tile, so that neighbours write neighbours.
 */
export function storeSums(
  headSize: number,
  { head, first }: Omit<TileSource, "name">,
  factor?: string,
): string {
  return `
let rows = min(32u, sizes.sequence - ${first});
for (var chunk = 0u; chunk < ${Math.ceil(headSize / TILE)}u; chunk++) {
  workgroupBarrier();
${
    forEachOfFour((row) =>
      `tiles[(down * 4u + ${row}u) * 9u + across] = sums[chunk * 4u + ${row}u]${
        factor ? ` * ${factor}[${row}]` : ""
      };`
    )
  }
  workgroupBarrier();
  for (var at = lane; at < rows * 8u; at += 64u) {
    let features = tiles[at / 8u * 9u + at % 8u];
    store(batch, ${first} + at / 8u, ${head}, chunk * 32u + at % 8u * 4u, features);
  }
}`;
}

function load(tile: string, { name, head, first }: TileSource, feature: string): string {
  return `tiles[${tile} + at / 8u * 9u + at % 8u] = ` +
    `${name}_four(batch, ${first} + at / 8u, ${head}, ${feature} + at % 8u * 4u);`;
}
