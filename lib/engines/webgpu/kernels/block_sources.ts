/**
 * Where the blocks of a factor come from that a workgroup copies to its memory: dense matrices, straight
 * or turned; packed signs, along the inner axis or along the result's columns; and what is made of both.
 *
 * A source gives *patches*: 4 × 4 numbers as a `mat4x4f`, column c of which holds inner index `inner + c`
 * of four neighbours from `outer` on. Nothing here knows of tiles: that is `workgroup_tiles.ts`.
 */

import type { Kernel, Operand } from "../kernel.ts";
import { BLOCK, DEEPEST, type ProductSizes, repeat } from "./product_tiles.ts";
import { signText } from "./signs.ts";

/** A factor of a product, or two that are read together. */
export interface BlockSource {
  /** Sizes of the result that its blocks span. */
  readonly count: "rows" | "columns";
  /** Which neighbours in a block are neighbours in memory: what neighbouring invocations read. */
  readonly along: "inner" | "outer";
  readonly reads: Kernel["reads"];
  /** Sizes that its text reads, beside those of the product. */
  readonly sizes?: Kernel["sizes"];
  /** Functions `(outer: u32, inner: u32) -> mat4x4f`, and what they call. */
  readonly module: string;
  /** The functions that give the patches that an invocation loads. */
  readonly patches: readonly string[];
  /** The blocks: what stands in each, of depth c of the patches as loaded. */
  readonly blocks: Readonly<Record<string, (patches: readonly string[], c: number) => string>>;
}

/** Bits of a word. */
export const WORD = 32;

const asLoaded = (at: number) => (patches: readonly string[], c: number) => `${patches[at]}[${c}]`;

/** A dense factor; zeros stand beyond its inner edge. */
export interface DenseFactor {
  readonly name: "first" | "second";
  readonly operand: Operand;
  readonly count: "rows" | "columns";
  /** Whether neighbours in memory are neighbours along the inner axis. */
  readonly alongInner: boolean;
}

/** Blocks of a dense matrix. */
export function denseSource(factor: DenseFactor, sizes: ProductSizes): BlockSource {
  const { name, operand, count, alongInner } = factor;
  const vector = (alongInner ? sizes.inner : sizes[count]) % BLOCK === 0;
  return {
    count,
    along: alongInner ? "inner" : "outer",
    reads: { [name]: vector ? { operand, vector: BLOCK } : operand },
    module: densePatch(factor, vector, sizes.inner % DEEPEST === 0),
    patches: [`${name}_patch`],
    blocks: { [name]: asLoaded(0) },
  };
}

/** @param whole whether no block reaches beyond the inner axis: beyond the other edge nothing is kept. */
function densePatch(
  { name, count, alongInner }: DenseFactor,
  vector: boolean,
  whole: boolean,
): string {
  const [lines, length] = alongInner
    ? [`sizes.${count}`, "sizes.inner"]
    : ["sizes.inner", `sizes.${count}`];
  const one = (e: number) =>
    `select(0.0, ${name}_at(start + min(at + ${e}u, ${length} - 1u)), ` +
    `inside && at + ${e}u < ${length})`;
  const guarded = vector
    ? `select(vec4f(), ${name}_at4((start + min(at, ${length} - ${BLOCK}u)) / ${BLOCK}u), ` +
      `inside && at < ${length})`
    : `vec4f(${repeat(BLOCK, one, ",\n    ")})`;
  const four = vector && whole ? `${name}_at4((start + at) / ${BLOCK}u)` : guarded;
  const lineOf = (c: number) =>
    alongInner ? `${name}_four(outer + ${c}u, inner)` : `${name}_four(inner + ${c}u, outer)`;
  const patch = `mat4x4f(${repeat(BLOCK, lineOf, ", ")})`;
  return `
fn ${name}_four(line: u32, at: u32) -> vec4f {
  let start = min(line, ${lines} - 1u) * ${length};${
    four === guarded ? `\n  let inside = line < ${lines};` : ""
  }
  return ${four};
}
fn ${name}_patch(outer: u32, inner: u32) -> mat4x4f {
  return ${alongInner ? `transpose(${patch})` : patch};
}`.trim();
}

/** WGSL: ±1 by the lowest bits of inverted signs, shifted by `shift`. */
function plusMinusOne(words: string, shift: number | string): string {
  return `bitcast<vec4f>(((${words} >> ${vec4u(shift)}) << vec4u(31u)) | vec4u(0x3f800000u))`;
}

function vec4u(shift: number | string): string {
  return typeof shift === "number" ? `vec4u(${shift}u)` : shift;
}

/**
 * WGSL: `words(outer, inner) -> vec4u`, inverted signs of four columns of a mask `[⌈inner/32⌉, columns]`, that
 * of inner index `inner` lowest. Beyond the edges stands anything.
 */
function maskWords(vector: boolean): string {
  const words = vector
    ? `mask[(line + min(outer, sizes.columns - ${BLOCK}u)) / ${BLOCK}u]`
    : `vec4<i32>(${
      repeat(BLOCK, (e) => `mask[line + min(outer + ${e}u, sizes.columns - 1u)]`, ", ")
    })`;
  return `
fn words(outer: u32, inner: u32) -> vec4u {
  let line = min(inner, sizes.inner - 1u) / ${WORD}u * sizes.columns;
  return ~bitcast<vec4u>(${words}) >> vec4u(inner % ${WORD}u);
}`.trim();
}

function readMask(mask: Operand, length: number): Kernel["reads"] {
  return { mask: length % BLOCK === 0 ? { operand: mask, vector: BLOCK } : mask };
}

/** Blocks of ±1 from a mask `[⌈inner/32⌉, columns]`. */
export function signSource(mask: Operand, { columns }: ProductSizes): BlockSource {
  return {
    count: "columns",
    along: "outer",
    reads: readMask(mask, columns),
    module: maskWords(columns % BLOCK === 0) + `
fn second_patch(outer: u32, inner: u32) -> mat4x4f {
  let w = words(outer, inner);
  return mat4x4f(${repeat(BLOCK, (c) => plusMinusOne("w", c), ",\n    ")});
}`,
    patches: ["second_patch"],
    blocks: { second: asLoaded(0) },
  };
}

/** Blocks of ±1 from a mask `[⌈columns/32⌉, inner]`, packed along the columns of the result. */
export function signTransposedSource(mask: Operand, { inner }: ProductSizes): BlockSource {
  const vector = inner % BLOCK === 0;
  const words = vector
    ? `bitcast<vec4u>(mask[(line + min(inner, sizes.inner - ${BLOCK}u)) / ${BLOCK}u])`
    : `vec4u(${
      repeat(BLOCK, (c) => `u32(mask[line + min(inner + ${c}u, sizes.inner - 1u)])`, ", ")
    })`;
  const shifts = `(vec4u(outer % ${WORD}u) + vec4u(0u, 1u, 2u, 3u))`;
  return {
    count: "columns",
    along: "inner",
    reads: readMask(mask, inner),
    module: `
fn second_patch(outer: u32, inner: u32) -> mat4x4f {
  let line = min(outer, sizes.columns - 1u) / ${WORD}u * sizes.inner;
  let w = ~${words};
  return mat4x4f(${repeat(BLOCK, (c) => plusMinusOne(`vec4u(w[${c}])`, shifts), ",\n    ")});
}`.trim(),
    patches: ["second_patch"],
    blocks: { second: asLoaded(0) },
  };
}

/** What blocks of a compressed weight are made of. */
export interface CompressedFactor {
  /** W `[columns, inner]`. */
  readonly weight: Operand;
  /** Packed signs, i32 `[⌈inner/32⌉, columns]`. */
  readonly mask: Operand;
  /** α, `[]` or `[columns]`. */
  readonly scale: Operand;
}

function weightSource(weight: Operand, sizes: ProductSizes): BlockSource {
  return denseSource(
    { name: "second", operand: weight, count: "columns", alongInner: true },
    sizes,
  );
}

/** Blocks of W + αS, each number rounded once. */
export function compressedSource(factor: CompressedFactor, sizes: ProductSizes): BlockSource {
  const { weight, mask, scale } = factor;
  const dense = weightSource(weight, sizes);
  const scaleAt = (e: number) =>
    `scale_at(min(outer + ${e}u, sizes.columns - 1u) * sizes.scaleColumn)`;
  const entry = (c: number) =>
    `w[${c}] + bitcast<vec4f>(scales ^ ((signs >> vec4u(${c}u)) << vec4u(31u)))`;
  return {
    ...dense,
    reads: { ...dense.reads, ...readMask(mask, sizes.columns), scale },
    sizes: { scaleColumn: scale.shape.length },
    module: `${dense.module}
${maskWords(sizes.columns % BLOCK === 0)}
fn compressed_patch(outer: u32, inner: u32) -> mat4x4f {
  let w = second_patch(outer, inner);
  let signs = words(outer, inner);
  let scales = bitcast<vec4u>(vec4f(${repeat(BLOCK, scaleAt, ", ")}));
  return mat4x4f(${repeat(BLOCK, entry, ",\n    ")});
}`,
    patches: ["compressed_patch"],
  };
}

/** Blocks of W, and of S beside them. */
export function weightAndSigns(
  { weight, mask }: Omit<CompressedFactor, "scale">,
  sizes: ProductSizes,
): BlockSource {
  const dense = weightSource(weight, sizes);
  return {
    ...dense,
    reads: { ...dense.reads, ...readMask(mask, sizes.columns) },
    module: `${dense.module}\n${maskWords(sizes.columns % BLOCK === 0)}
fn signs_patch(outer: u32, inner: u32) -> mat4x4f {
  let w = words(outer, inner);
  return mat4x4f(${repeat(BLOCK, (c) => plusMinusOne("w", c), ",\n    ")});
}`,
    patches: ["second_patch", "signs_patch"],
    blocks: { second: asLoaded(0), signs: asLoaded(1) },
  };
}

/** Blocks of Δ `[columns, inner]`, and of its signs beside them. */
export function deltaAndSigns(delta: Operand, zero: 0 | 1, sizes: ProductSizes): BlockSource {
  const sign = (patches: readonly string[], c: number) =>
    `vec4f(${repeat(BLOCK, (e) => signText(`${patches[0]}[${c}][${e}]`, zero), ", ")})`;
  return {
    ...weightSource(delta, sizes),
    blocks: { second: asLoaded(0), signs: sign },
  };
}
