/**
 * Products by tiles in workgroup memory have the bits of register tiles, and both are the plain products
 * summed in stretches: each form, storage and edge by small tiles, which a CPU that plays GPU compiles
 * fast, then one product each by the tiles that hardware runs.
 */

import assert from "node:assert/strict";
import { type FloatType, fromFloat32, toFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { Operand } from "../../lib/engines/webgpu/kernel.ts";
import type { Candidate, Dispatch } from "../../lib/engines/webgpu/kernels/candidates.ts";
import {
  addScaled,
  blockDeltaLinear,
  registerDeltaLinear,
} from "../../lib/engines/webgpu/kernels/delta_linear.ts";
import {
  blockDeltaProjections,
  registerDeltaProjections,
} from "../../lib/engines/webgpu/kernels/delta_projections.ts";
import { blockMatmul, registerMatmul } from "../../lib/engines/webgpu/kernels/matmul.ts";
import { registerCandidates } from "../../lib/engines/webgpu/kernels/register_tiles.ts";
import {
  blockSignMatmul,
  registerSignMatmul,
} from "../../lib/engines/webgpu/kernels/sign_matmul.ts";
import {
  blockSignMatmulTransposed,
  registerSignMatmulTransposed,
} from "../../lib/engines/webgpu/kernels/sign_matmul_transposed.ts";
import {
  workgroupCandidate,
  workgroupTiles,
} from "../../lib/engines/webgpu/kernels/workgroup_candidates.ts";
import {
  type BlockProduct,
  type WorkgroupTile,
  workgroupTileName,
} from "../../lib/engines/webgpu/kernels/workgroup_tiles.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { normals, randomMask } from "../graph/op_case.ts";
import * as plain from "../graph/plain/matrix.ts";
import { gpuTest } from "./gpu.ts";
import { type Fed, runCandidate } from "./run_candidate.ts";

interface Sizes {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

/** A product on operands of the names of its feeds, and what float64 makes of it. */
interface Case {
  readonly name: string;
  readonly feeds: Readonly<Record<string, Fed>>;
  readonly registers: (operands: Record<string, Operand>) => Candidate;
  readonly blocks: (operands: Record<string, Operand>) => BlockProduct;
  readonly expected: () => Float64Array[];
}

const float64 = (fed: Fed) =>
  Float64Array.from("dtype" in fed ? toFloat32(fed) : fed.numbers as Float32Array);

function matrix(seed: number, shape: number[], stored?: FloatType): Fed {
  const numbers = Float32Array.from(normals(seed, ...shape).numbers);
  return stored
    ? { dtype: stored, shape, bytes: fromFloat32(numbers, stored) }
    : { shape, numbers };
}

function mask(seed: number, packed: number, other: number): Fed {
  const words = Math.ceil(packed / 32);
  const { numbers } = randomMask(seed, words, other);
  return { shape: [words, other], numbers: Int32Array.from(numbers) };
}

function signsOf(fed: Fed, packed: number, other: number): Float64Array {
  return plain.signMatrix(
    Float64Array.from((fed as { numbers: Int32Array }).numbers),
    packed,
    other,
  );
}

function matmulCase(
  sizes: Sizes,
  form: { transposeFirst: boolean; transposeSecond: boolean },
  stored?: FloatType,
): Case {
  const { rows, inner, columns } = sizes;
  const { transposeFirst, transposeSecond } = form;
  const first = matrix(1, transposeFirst ? [inner, rows] : [rows, inner]);
  const second = matrix(2, transposeSecond ? [columns, inner] : [inner, columns], stored);
  const letters = (transposeFirst ? "T" : "N") + (transposeSecond ? "T" : "N");
  const factors = (operands: Record<string, Operand>) => ({
    first: operands.first,
    second: operands.second,
    ...form,
  });
  return {
    name: `matmul ${letters} ${stored ?? "F32"}`,
    feeds: { first, second },
    registers: (operands) =>
      registerCandidates(
        [{ rows: 3, columns: 2 }],
        (tile) => registerMatmul(factors(operands), tile),
      )[0],
    blocks: (operands) => blockMatmul(factors(operands)),
    expected: () => [plain.matmul(float64(first), float64(second), { ...sizes, ...form })],
  };
}

function signCase(sizes: Sizes): Case {
  const { rows, inner, columns } = sizes;
  const feeds = { first: matrix(3, [rows, inner]), mask: mask(4, inner, columns) };
  const factors = ({ first, mask }: Record<string, Operand>) => ({ first, mask });
  return {
    name: "signMatmul",
    feeds,
    registers: (operands) =>
      registerCandidates(
        [{ rows: 2, columns: 4 }],
        (tile) => registerSignMatmul(factors(operands), tile),
      )[0],
    blocks: (operands) => blockSignMatmul(factors(operands)),
    expected: () => [
      plain.matmul(float64(feeds.first), signsOf(feeds.mask, inner, columns), sizes),
    ],
  };
}

function signTransposedCase(sizes: Sizes): Case {
  const { rows, inner, columns } = sizes;
  const feeds = { first: matrix(5, [rows, inner]), mask: mask(6, columns, inner) };
  const factors = ({ first, mask }: Record<string, Operand>) => ({ first, mask, columns });
  return {
    name: "signMatmulTransposed",
    feeds,
    registers: (operands) =>
      registerCandidates(
        [{ rows: 1, columns: 32 }],
        (tile) => registerSignMatmulTransposed(factors(operands), tile),
      )[0],
    blocks: (operands) => blockSignMatmulTransposed(factors(operands)),
    expected: () => [
      plain.matmul(float64(feeds.first), signsOf(feeds.mask, columns, inner), {
        ...sizes,
        transposeSecond: true,
      }),
    ],
  };
}

function deltaLinearCase(sizes: Sizes, keepSigned: boolean, byRow: boolean): Case {
  const { rows, inner, columns } = sizes;
  const feeds = {
    first: matrix(7, [rows, inner]),
    second: matrix(8, [columns, inner], "BF16"),
    mask: mask(9, inner, columns),
    scale: matrix(10, byRow ? [columns] : []),
  };
  const factors = ({ first, second, mask, scale }: Record<string, Operand>) => ({
    first,
    second,
    mask,
    scale,
  });
  return {
    name: `deltaLinear${keepSigned ? " of two sums" : ""}, ${byRow ? "α by row" : "one α"}`,
    feeds,
    registers: (operands) =>
      registerCandidates(
        [{ rows: 2, columns: 2 }],
        (tile) => registerDeltaLinear(factors(operands), tile, keepSigned),
      )[0],
    blocks: (operands) => blockDeltaLinear(factors(operands), keepSigned),
    expected: () => {
      const [x, weight, scale] = [feeds.first, feeds.second, feeds.scale].map(float64);
      const signs = signsOf(feeds.mask, inner, columns);
      const dense = plain.matmul(x, weight, { ...sizes, transposeSecond: true });
      const signed = plain.matmul(x, signs, sizes);
      if (keepSigned) return [dense, signed];
      return [dense.map((each, i) => each + signed[i] * scale[byRow ? i % columns : 0])];
    },
  };
}

function projectionsCase(sizes: Sizes, zero: 0 | 1): Case {
  const { rows, inner, columns } = sizes;
  const delta = matrix(12, [columns, inner]) as { shape: number[]; numbers: Float32Array };
  for (let at = 0; at < delta.numbers.length; at += 5) delta.numbers[at] = at % 2 ? 0 : -0;
  const feeds = { first: matrix(11, [rows, inner]), second: delta };
  const factors = ({ first, second }: Record<string, Operand>) => ({ first, second, zero });
  return {
    name: `deltaProjections, ${zero} of zero`,
    feeds,
    registers: (operands) =>
      registerCandidates(
        [{ rows: 2, columns: 2 }],
        (tile) => registerDeltaProjections(factors(operands), tile),
      )[0],
    blocks: (operands) => blockDeltaProjections(factors(operands)),
    expected: () => {
      const signs = float64(delta).map((each) => each === 0 ? zero : Math.sign(each));
      const product = { ...sizes, transposeSecond: true };
      return [float64(delta), signs].map((each) =>
        plain.matmul(float64(feeds.first), each, product)
      );
    },
  };
}

const form = (letters: string) => ({
  transposeFirst: letters[0] === "T",
  transposeSecond: letters[1] === "T",
});

const cases = (sizes: Sizes): Case[] => [
  ...["NN", "NT", "TN", "TT"].map((letters) => matmulCase(sizes, form(letters))),
  matmulCase(sizes, form("NT"), "BF16"),
  matmulCase(sizes, form("NN"), "F16"),
  signCase(sizes),
  signTransposedCase(sizes),
  deltaLinearCase(sizes, false, true),
  deltaLinearCase(sizes, false, false),
  deltaLinearCase(sizes, true, false),
  projectionsCase(sizes, sizes.inner % 4 === 0 ? 0 : 1),
];

/** Multiples of four and not; less than a stretch, one, one and a term, many. */
const SIZES: readonly Sizes[] = [
  { rows: 19, inner: 37, columns: 21 },
  { rows: 20, inner: 1028, columns: 36 },
  { rows: 5, inner: 1025, columns: 35 },
  { rows: 36, inner: 1024, columns: 4 },
  { rows: 3, inner: 11008, columns: 8 },
];

/** Tiles that differ in all that a tile may; the second compiles in half the time. */
const thorough: readonly WorkgroupTile[] = [
  { rows: 16, columns: 32, depth: 4, each: [8, 8] },
  { rows: 32, columns: 16, depth: 16, each: [4, 4], split: true, ahead: true },
];
const quick: readonly WorkgroupTile[] = [
  { rows: 16, columns: 16, depth: 4, each: [4, 4], split: true },
];

/** Float32 sums of thousands of terms. */
const BOUND = 1e-5;

async function assertSame(
  engine: Parameters<typeof runCandidate>[0],
  each: Case,
  tiles: readonly WorkgroupTile[],
) {
  const { feeds, registers, blocks, expected } = each;
  const run = (candidate: (operands: Record<string, Operand>) => Candidate) =>
    runCandidate(
      engine,
      feeds,
      (operands, dispatch: Dispatch) => candidate(operands).write(dispatch),
    );
  const reference = await run(registers);
  const exact = expected();
  assert.equal(reference.length, exact.length);
  exact.forEach((numbers, index) =>
    assertWithin(relativeError(reference[index], numbers), BOUND, `${each.name}, ${index}`)
  );
  for (const tile of tiles) {
    const results = await run((operands) => workgroupCandidate(blocks(operands), tile));
    assert.deepEqual(results, reference, `${each.name}, ${workgroupTileName(tile)}`);
  }
}

/** Edges within a tile that hardware runs. */
const EDGES: Sizes = { rows: 131, inner: 1040, columns: 132 };

/** One product each by the tiles that hardware runs, and its sums. */
const HARDWARE: readonly [Case, sums: number, WorkgroupTile][] = [
  [
    matmulCase(EDGES, form("NT"), "BF16"),
    1,
    { rows: 64, columns: 64, depth: 16, each: [8, 4], split: true },
  ],
  [signCase(EDGES), 1, { rows: 128, columns: 128, depth: 16, each: [8, 8], ahead: true }],
  [projectionsCase(EDGES, 1), 2, { rows: 128, columns: 64, depth: 16, each: [8, 4] }],
];

for (const [each, sums, tile] of HARDWARE) {
  const name = workgroupTileName(tile);
  gpuTest(`${each.name} has the same bits by ${name}`, async (engine) => {
    assert.ok(workgroupTiles(EDGES, sums).map(workgroupTileName).includes(name));
    await assertSame(engine, each, [tile]);
  });
}

for (const sizes of SIZES) {
  const { rows, inner, columns } = sizes;
  for (const each of cases(sizes)) {
    gpuTest(
      `${each.name} [${rows}, ${inner}] to ${columns} has the same bits by blocks`,
      (engine) =>
        assertSame(
          engine,
          each,
          each.name === "matmul NT F32" && columns === 36 ? thorough : quick,
        ),
    );
  }
}

gpuTest("a layer of two sums is made of the parts of both, added in order", async (engine) => {
  const sizes = { rows: 6, inner: 2100, columns: 5 };
  const { feeds, registers, blocks } = deltaLinearCase(sizes, true, true);
  const run = (candidate: (operands: Record<string, Operand>) => Candidate) =>
    runCandidate(engine, feeds, (operands, dispatch) => candidate(operands).write(dispatch));
  const [dense, signed] = await run(registers);
  const scale = float64(feeds.scale);
  // A device may round the product before it is added, or not: by one compiler always the same.
  const products = Float64Array.from(signed, (each, i) => each * scale[i % sizes.columns]);
  const rounded = dense.map((each, i) => each + Math.fround(products[i]));
  const fused = dense.map((each, i) => each + products[i]);
  const seen = new Set<string>();
  for (const tile of quick.flatMap((each) => [each, { ...each, split: false }])) {
    const results = await run((operands) =>
      workgroupCandidate(
        blocks(operands),
        tile,
        (dispatch, sums) => addScaled(dispatch, sums, operands.scale),
      )
    );
    assert.deepEqual(results[1], signed);
    assert.ok(results[0].every((each, i) => each === rounded[i] || each === fused[i]));
    seen.add(results[0].join());
  }
  assert.equal(seen.size, 1);
});

gpuTest("terms are added within stretches, and the stretches' sums in order", async (engine) => {
  const sizes = { rows: 3, inner: 2100, columns: 5 };
  const { feeds, registers } = signCase(sizes);
  const [actual] = await runCandidate(
    engine,
    feeds,
    (operands, dispatch) => registers(operands).write(dispatch),
  );
  const [x, signs] = [float64(feeds.first), signsOf(feeds.mask, sizes.inner, sizes.columns)];
  const sumOf = (row: number, column: number) => {
    let total = 0;
    for (let start = 0; start < sizes.inner; start += 1024) {
      let sum = 0;
      for (let k = start; k < Math.min(start + 1024, sizes.inner); k++) {
        sum = Math.fround(sum + x[row * sizes.inner + k] * signs[k * sizes.columns + column]);
      }
      total = Math.fround(total + sum);
    }
    return total;
  };
  const expected = Float32Array.from(
    actual,
    (_, i) => sumOf(Math.floor(i / sizes.columns), i % sizes.columns),
  );
  assert.deepEqual(actual, expected);
});
