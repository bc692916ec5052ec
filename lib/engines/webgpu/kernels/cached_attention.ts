/**
 * Attention of rows over keys and values in paged caches, as few rows need it: positions are cut where their own
 * numbers say, and the parts of a row are the work of workgroups that do not wait for each other; what they found is
 * then added in the order of positions (Dao et al. 2023, "Flash-Decoding"). So a row's bits depend on its own sequence
 * alone, and one row of a long sequence is work for a whole card.
 *
 * A workgroup has one part for one row and up to four heads of queries that read one head of keys. Its invocations
 * first have positions of their own, then eight features each of every so many positions: keys come from memory once
 * for four heads, and values as neighbours.
 */

import { elementCount } from "../../../checkpoint/tensor.ts";
import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import {
  type AttentionSizes,
  attentionSizes,
  type CacheLayout,
  featureBlock,
  LANES,
  USUAL_BLOCKS,
  WIDE_HEAD,
  windowSizes,
  windowText,
} from "./attention_parts.ts";
import { type CacheOperands, CELL_TEXT, storeKernel } from "./cache_cells.ts";
import { elementKernel } from "./grid.ts";
import { repeat } from "./product_tiles.ts";
import { LOWEST } from "./workgroup_reduce.ts";

/** Stores keys and values, then attends: `[rows, heads · headSize]`, zeros for rows of no sequence. */
export function attendedRows(
  builder: KernelBuilder,
  operands: CacheOperands,
  layout: CacheLayout,
): Operand {
  const sizes = attentionSizes(operands, layout);
  builder.dispatch(storeKernel(operands, layout.pageSize));
  const [parts] = builder.dispatch(partsKernel(operands, sizes));
  return builder.dispatch(sumKernel(parts, operands, sizes))[0];
}

/** Types of as many numbers as there are heads at once, and how each is read. */
const PACKED = {
  1: { type: "f32", of: (name: string) => name },
  2: { type: "vec2f", of: (name: string, head: number) => `${name}[${head}]` },
  4: { type: "vec4f", of: (name: string, head: number) => `${name}[${head}]` },
} as const;

/**
 * For each row, part and head: the sums of e^(score − largest) · value, those of e^(score − largest), and the largest
 * score, `[rows, parts, heads, headSize + 2]`. Parts that a row does not see are not written.
 */
function partsKernel(operands: CacheOperands, sizes: AttentionSizes): Kernel {
  const { queries, keyCache, valueCache, sequences, positions, pages } = operands;
  const { rows, heads, keyHeads, headSize, parts, span } = sizes;
  const ofKey = heads / keyHeads;
  const atOnce = ofKey > 2 && headSize <= WIDE_HEAD ? 4 : Math.min(2, ofKey) as 1 | 2;
  const packed = PACKED[atOnce];
  const block = featureBlock(headSize);
  const blocks = headSize / block.size;
  const turns = Math.ceil(ofKey / atOnce);
  const eachHead = (line: (h: number) => string, separator?: string) =>
    repeat(atOnce, line, separator);
  return {
    name: `cachedAttention, parts of ${atOnce} heads by ${block.size}`,
    reads: {
      queries: block.read(queries),
      keyCache: block.read(keyCache),
      valueCache: block.read(valueCache),
      sequences,
      positions,
      pages,
    },
    writes: { parts: { shape: [rows, parts, heads, headSize + 2] } },
    sizes: {
      heads,
      ofKey,
      turns,
      groupsOfPart: keyHeads * turns,
      headSize,
      blocks,
      shares: Math.floor(LANES / blocks),
      blocksOfCell: keyHeads * blocks,
      parts,
      ...windowSizes(operands, sizes),
    },
    factors: { absent: NaN },
    workgroup: [LANES],
    groups: [keyHeads * turns * parts, rows],
    module: `
${CELL_TEXT}
var<workgroup> asked: array<${block.type}, ${atOnce * Math.max(blocks, USUAL_BLOCKS)}>;
var<workgroup> cells: array<u32, ${span}>;
var<workgroup> weights: array<${packed.type}, ${span}>;
var<workgroup> tree: array<${packed.type}, ${LANES}>;
var<workgroup> mixed: array<${block.type}, ${atOnce * LANES}>;
${treeText("largest_of", packed.type, (a, b) => `max(${a}, ${b})`)}
${treeText("sum_of", packed.type, (a, b) => `${a} + ${b}`)}`.trim(),
    body: `
let row = group.y;
let part = group.x / sizes.groupsOfPart;
let turn = group.x % sizes.groupsOfPart % sizes.turns;
let keyHead = group.x % sizes.groupsOfPart / sizes.turns;
${windowText(sizes)}
let begin = (first / sizes.span + part) * sizes.span;
if (!hasAll || begin > last) { return; }
let sequence = bitcast<u32>(sequences[row]);
let firstHead = keyHead * sizes.ofKey + turn * ${atOnce}u;
let headCount = min(${atOnce}u, sizes.ofKey - turn * ${atOnce}u);
for (var i = lane; i < ${atOnce}u * sizes.blocks; i += ${LANES}u) {
  let head = firstHead + min(i / sizes.blocks, headCount - 1u);
  asked[i] = ${block.at("queries", "(row * sizes.heads + head) * sizes.blocks + i % sizes.blocks")};
}
workgroupBarrier();
let begun = max(first, begin) - begin;
let until = min(last + 1u - begin, sizes.span);
var largest = ${packed.type}(${LOWEST});
for (var p = lane; p < until; p += ${LANES}u) {
  if (p < begun) { continue; }
  let cell = cell_of(sequence, begin + p);
  let inside = min(cell, sizes.cells - 1u);
  cells[p] = inside;
  let key_at = inside * sizes.blocksOfCell + keyHead * sizes.blocks;
  var scores = ${packed.type}();
  for (var b = 0u; b < sizes.blocks; b++) {
    let key = ${block.at("keyCache", "key_at + b")};
    ${
      eachHead((h) =>
        `let q${h} = asked[${h}u * sizes.blocks + b]; ` +
        `${packed.of("scores", h)} += ${block.dot(`q${h}`, "key")};`, "\n    ")
    }
  }
  // Of a page that names no cell.
  scores = select(${packed.type}(factors.absent), scores, cell < sizes.cells);
  weights[p] = scores;
  largest = max(largest, scores);
}
largest = largest_of(largest, lane);
var total = ${packed.type}();
for (var p = lane; p < until; p += ${LANES}u) {
  if (p < begun) { continue; }
  let weight = exp(weights[p] - largest);
  weights[p] = weight;
  total += weight;
}
total = sum_of(total, lane);
let share = lane / sizes.blocks;
let block = keyHead * sizes.blocks + lane % sizes.blocks;
${eachHead((h) => `var m${h} = ${block.type}();`, " ")}
if (share < sizes.shares) {
  let start = begun / sizes.shares * sizes.shares + share;
  for (
    var p = start + select(0u, sizes.shares, start < begun); p < until; p += sizes.shares
  ) {
    let value = ${block.at("valueCache", "cells[p] * sizes.blocksOfCell + block")};
    let w = weights[p];
    ${eachHead((h) => `m${h} += value * ${packed.of("w", h)};`, "\n    ")}
  }
}
${eachHead((h) => `mixed[${h * LANES}u + lane] = m${h};`, " ")}
workgroupBarrier();
let result = ((row * sizes.parts + part) * sizes.heads + firstHead) * (sizes.headSize + 2u);
for (var i = lane; i < headCount * sizes.headSize; i += ${LANES}u) {
  let head = i / sizes.headSize;
  let feature = i % sizes.headSize;
  var sum = 0.0;
  for (var s = 0u; s < sizes.shares; s++) {
    sum += ${
      block.feature(`mixed[head * ${LANES}u + s * sizes.blocks + feature / ${block.size}u]`)
    };
  }
  parts[result + head * (sizes.headSize + 2u) + feature] = sum;
}
if (lane < headCount) {
  let end = result + (lane + 1u) * (sizes.headSize + 2u);
  parts[end - 2u] = ${atOnce === 1 ? "total" : "total[lane]"};
  parts[end - 1u] = ${atOnce === 1 ? "largest" : "largest[lane]"};
}`,
  };
}

/** WGSL of a reduction over the workgroup, halved in a tree, for every invocation. */
function treeText(name: string, type: string, combine: (a: string, b: string) => string): string {
  return `
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  tree[lane] = value;
  workgroupBarrier();
  for (var half = ${LANES / 2}u; half > 0u; half >>= 1u) {
    if (lane < half) { tree[lane] = ${combine("tree[lane]", "tree[lane + half]")}; }
    workgroupBarrier();
  }
  let result = tree[0];
  workgroupBarrier();
  return result;
}`.trim();
}

/** The parts of each row and head together, in the order of positions. */
function sumKernel(parts: Operand, operands: CacheOperands, sizes: AttentionSizes): Kernel {
  const { queries, sequences, positions, pages } = operands;
  const { headSize, heads } = sizes;
  const at = (part: string) =>
    `((row * sizes.parts + ${part}) * sizes.heads + head) * (sizes.headSize + 2u)`;
  return elementKernel(elementCount(queries.shape), {
    name: "cachedAttention, sum",
    reads: { parts, sequences, positions, pages },
    writes: { attended: { shape: queries.shape } },
    sizes: { heads, headSize, parts: sizes.parts, ...windowSizes(operands, sizes) },
    factors: { absent: NaN },
    module: CELL_TEXT,
    body: `
let feature = i % sizes.headSize;
let head = i / sizes.headSize % sizes.heads;
let row = i / sizes.headSize / sizes.heads;
if (sequences[row] == -1) { attended[i] = 0.0; return; }
${windowText(sizes)}
if (!hasAll) { attended[i] = factors.absent; return; }
let count = last / sizes.span - first / sizes.span + 1u;
var largest = ${LOWEST};
for (var part = 0u; part < count; part++) {
  largest = max(largest, parts_at(${at("part")} + sizes.headSize + 1u));
}
var sum = 0.0;
var total = 0.0;
for (var part = 0u; part < count; part++) {
  let begin = ${at("part")};
  let share = exp(parts_at(begin + sizes.headSize + 1u) - largest);
  sum = fma(share, parts_at(begin + feature), sum);
  total = fma(share, parts_at(begin + sizes.headSize), total);
}
attended[i] = sum / total;`,
  });
}
