/**
 * What the kernels of tiled attention share: sizes, workgroup memory and access to heads. A workgroup
 * owns 32 rows of one head and passes over the other side's 32 at a time, so that no `[tokens, tokens]`
 * matrix is ever in memory (Dao et al. 2022, "FlashAttention", algorithms 1 and 4).
 *
 * 64 invocations stand 8 × 8; each owns 4 × 4 entries of a 32 × 32 tile and of every 32 features of a
 * result. Heads are cut into chunks of 32 features, so that workgroup memory (13.3 KiB; a device has 16
 * at least) does not grow with their size.
 */

import type { Kernel, Operand, ReadOperand } from "../../kernel.ts";
import { HIDDEN } from "../../../../graph/ops/attention.ts";

/** Rows and columns of a tile, and features of a chunk. */
export const TILE = 32;
/** Invocations of a workgroup. */
export const LANES = 64;

/** Sizes of one attention; all are uniform. */
export interface AttentionSizes {
  readonly batch: number;
  readonly sequence: number;
  readonly headSize: number;
  /** Query heads. */
  readonly heads: number;
  readonly keyHeads: number;
  /** Keys that a query sees, itself included. */
  readonly window: number;
}

/** Which heads an operand has: one for each query head, or one for each key head. */
export type Heads = "heads" | "keyHeads";

/** The tensors of a kernel: `heads` by name, further ones by name, and the result's heads. */
export interface TiledKernel {
  readonly name: string;
  readonly sizes: AttentionSizes;
  readonly rows: Readonly<Record<string, readonly [Operand, Heads]>>;
  readonly further: Readonly<Record<string, Operand>>;
  /** i32 `[batch, sequence]`, 0 for padding. */
  readonly attentionMask?: Operand;
  readonly resultHeads: Heads;
  readonly furtherResults?: Kernel["writes"];
  readonly module?: string;
  readonly body: string;
}

/** The kernel: one workgroup for every 32 rows of every head of the result. */
export function tiledKernel(parts: TiledKernel): Kernel {
  const { sizes, rows, attentionMask, resultHeads } = parts;
  const { batch, sequence, headSize, heads, keyHeads } = sizes;
  const resultShape = [batch * sequence, sizes[resultHeads] * headSize];
  return {
    name: parts.name,
    reads: {
      ...Object.fromEntries(
        Object.entries(rows).map(([name, [operand]]) => [name, byFours(operand, headSize)]),
      ),
      ...parts.further,
      ...attentionMask && { attentionMask },
    },
    writes: { result: { shape: resultShape }, ...parts.furtherResults },
    sizes: {
      sequence,
      headSize,
      heads,
      keyHeads,
      headsOfGroup: heads / keyHeads,
      window: Math.min(sizes.window, sequence),
    },
    workgroup: [LANES],
    groups: [Math.ceil(sequence / TILE), sizes[resultHeads], batch],
    module: byDepth(sharedModule(parts) + (parts.module ?? "")),
    body: byDepth(`
let batch = group.z;
let across = lane % 8u;
let down = lane / 8u;
${parts.body}`),
  };
}

/** The same WGSL, each line indented by the braces around it. */
function byDepth(text: string): string {
  let depth = 0;
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "").map((line) => {
    if (line.startsWith("}")) depth--;
    const indented = "  ".repeat(depth) + line;
    if (line.endsWith("{")) depth++;
    return indented;
  }).join("\n");
}

/** Four features at a time, where that cuts no row. */
function byFours(operand: Operand, headSize: number): Operand | ReadOperand {
  return headSize % 4 === 0 ? { operand, vector: 4 } : operand;
}

function sharedModule({ rows, sizes, attentionMask, resultHeads }: TiledKernel): string {
  const { headSize } = sizes;
  // Head sizes are even: a row ends after two of four features or after all.
  const endOfHead = headSize % 4 === 0 ? "" : "if (feature + 2u >= sizes.headSize) { return; }";
  return `
// Two tiles of 32 rows of 8 × 4 features; a ninth place keeps neighbouring rows on different banks.
var<workgroup> tiles: array<vec4f, 576>;
// By column, four rows in each entry.
var<workgroup> weights: array<vec4f, 256>;

// Where a row's features of a head begin.
fn placeOf(batch: u32, row: u32, head: u32, heads: u32) -> u32 {
  return ((batch * sizes.sequence + row) * heads + head) * sizes.headSize;
}
${Object.entries(rows).map(([name, [, heads]]) => four(name, heads, headSize)).join("")}
fn store(batch: u32, row: u32, head: u32, feature: u32, numbers: vec4f) {
  if (feature >= sizes.headSize) { return; }
  let at = placeOf(batch, row, head, sizes.${resultHeads}) + feature;
  result[at] = numbers.x;
  result[at + 1u] = numbers.y;
  ${endOfHead}
  result[at + 2u] = numbers.z;
  result[at + 3u] = numbers.w;
}
fn visible(query: vec4u, key: vec4u) -> vec4<bool> {
  return (key <= query) & (query < key + sizes.window) & (query < vec4u(sizes.sequence));
}
fn real(batch: u32, key: u32) -> bool {
  return ${attentionMask ? "attentionMask[batch * sizes.sequence + key] != 0" : "true"};
}
// The score of a key that a query does not see.
const HIDDEN = ${HIDDEN};
`;
}

/** `<name>_four(batch, row, head, feature)`: four features, 0 past the last row or feature. */
function four(name: string, heads: Heads, headSize: number): string {
  const element = (offset: number) => `${name}_at(at + ${offset}u)`;
  const read = headSize % 4 === 0 ? `return ${name}_at4(at / 4u);` : `
  let half = vec2f(${element(0)}, ${element(1)});
  if (feature + 2u >= sizes.headSize) { return vec4f(half, 0, 0); }
  return vec4f(half, ${element(2)}, ${element(3)});`;
  return `
fn ${name}_four(batch: u32, row: u32, head: u32, feature: u32) -> vec4f {
  if (row >= sizes.sequence || feature >= sizes.headSize) { return vec4f(); }
  let at = placeOf(batch, row, head, sizes.${heads}) + feature;
  ${read.trim()}
}`;
}
