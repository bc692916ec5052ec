/** Codecs of a few elements: what is found of a delta comes back as a plain search over all elements has it. */

import assert from "node:assert/strict";
import { floatKernels } from "../../lib/checkpoint/float_kernels.ts";
import {
  type FloatType,
  fromFloat32,
  type RawTensor,
  toFloat32,
} from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { Term } from "../../lib/codecs/codec.ts";
import { addLayer, checkLayer, layerBytes } from "../../lib/codecs/layer.ts";
import { findCodec } from "../../lib/codecs/mod.ts";
import { sparseSignsTerm } from "../../lib/codecs/sparse_signs.ts";
import { differenceMatrix } from "../../lib/delta/difference.ts";
import { findChanges } from "../../lib/methods/elements/changes_job.ts";
import { findLargest } from "../../lib/methods/elements/largest_job.ts";
import { sampleElements } from "../../lib/methods/elements/sample_job.ts";
import { findTrits } from "../../lib/methods/elements/trits_job.ts";
import { ternaryTerm } from "../../lib/codecs/ternary.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";

const kernels = await floatKernels();
const random = new SeededRandom(12);

/** Widths of whole bytes and none, one segment and several. */
const shapes: LinearShape[] = [[1, 1], [3, 37], [9, 64], [70, 1001]];

function tensor(values: Float32Array, shape: LinearShape, dtype: FloatType): RawTensor {
  return { dtype, shape, bytes: fromFloat32(values, dtype) };
}

/** A base, and a fine-tune that differs from it in a share of its elements; many differences are alike. */
function pairOf(shape: LinearShape, dtype: FloatType, share: number, fineType = dtype) {
  const count = shape[0] * shape[1];
  const base = Float32Array.from({ length: count }, () => random.uniform() - 0.5);
  const fine = base.map((value) =>
    random.uniform() < share ? value + (random.integer(9) - 4) / 512 : value
  );
  return {
    name: "a layer",
    shape,
    base: tensor(base, shape, dtype),
    fine: tensor(fine, shape, fineType),
  };
}

/** What comes of `start` with a term, by the codec's fast path, which its slow one agrees with to the bit. */
function applied(term: Term, shape: LinearShape, start: Float32Array): Float32Array {
  checkLayer("a layer", { shape, role: "delta", terms: [term] });
  const codec = findCodec(term.codec);
  const fast = start.slice();
  addLayer(kernels, fast, { shape, terms: [term] });
  const decoded = codec.decode(term.parts, shape, term.form, start);
  const slow = codec.replaces ? decoded : start.map((value, at) => value + decoded[at]);
  assert.deepEqual(bits(fast), bits(slow));
  return fast;
}

function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}

for (const shape of shapes) {
  Deno.test(`the largest elements of a [${shape}] delta keep their signs`, async () => {
    const pair = pairOf(shape, "BF16", 0.9);
    const delta = differenceMatrix(pair.base, pair.fine);
    const order = [...delta.keys()].sort((a, b) =>
      Math.abs(delta[b]) - Math.abs(delta[a]) || a - b
    );
    const most = delta.length;
    for (const kept of new Set([1, Math.ceil(most / 50), Math.ceil(most / 5), most])) {
      const { stored, deviation, magnitude } = await findLargest(pair, kept);
      const term = sparseSignsTerm(stored, shape, kept, 0.25);
      const expected = new Float32Array(most);
      for (const at of order.slice(0, kept)) expected[at] = delta[at] >= 0 ? 0.25 : -0.25;
      assert.deepEqual(applied(term, shape, new Float32Array(most)), expected, `${kept} kept`);
      const largest = order.slice(0, kept).reduce((sum, at) => sum + Math.abs(delta[at]), 0);
      assert.ok(Math.abs(magnitude - largest / kept) <= 1e-9);
      const mean = delta.reduce((sum, each) => sum + each, 0) / most;
      const square = delta.reduce((sum, each) => sum + (each - mean) ** 2, 0) / most;
      assert.ok(Math.abs(deviation - Math.sqrt(square)) <= 1e-6);
    }
  });

  Deno.test(`trits of a [${shape}] delta are its signs above a magnitude`, async () => {
    const pair = pairOf(shape, "F16", 0.9);
    const delta = differenceMatrix(pair.base, pair.fine);
    const sorted = delta.map(Math.abs).sort();
    const half = Math.floor(delta.length / 2);
    const median = sorted[delta.length - 1 - half];
    for (
      const [zeros, limit] of [[{ upTo: 2 ** -9 }, 2 ** -9], [{ largest: half }, median]] as const
    ) {
      const { first, second, kept, sums } = await findTrits(pair, zeros);
      const values = applied(
        ternaryTerm([first, second], shape, 1),
        shape,
        new Float32Array(delta.length),
      );
      const expected = delta.map((each) => Math.abs(each) > limit ? Math.sign(each) : 0);
      assert.deepEqual(values, expected);
      const row = expected.length - shape[1];
      const last = [...delta.subarray(row)].filter((_, at) => expected[row + at] !== 0);
      assert.equal(kept.at(-1), last.length);
      const sum = last.reduce((all, each) => all + Math.abs(each), 0);
      assert.ok(Math.abs(sums.at(-1)! - sum) <= 1e-9);
    }
  });

  Deno.test(`so many elements of each row of a [${shape}] delta are kept at random`, async () => {
    const pair = pairOf(shape, "F32", 1);
    const delta = differenceMatrix(pair.base, pair.fine).map((each) => each || 1);
    pair.base = tensor(new Float32Array(delta.length), shape, "F32");
    pair.fine = tensor(delta, shape, "F32");
    for (const kept of new Set([1, Math.ceil(shape[1] / 3), shape[1]])) {
      const form = { kept, seed: 7, type: "F32" };
      const values = await sampleElements(pair, form, 2);
      const term = { codec: "sampled", form, parts: { values } };
      const found = applied(term, shape, new Float32Array(delta.length));
      for (let row = 0; row < shape[0]; row++) {
        const of = found.subarray(row * shape[1], (row + 1) * shape[1]);
        assert.equal(of.filter((each) => each !== 0).length, kept);
      }
      found.forEach((each, at) => assert.ok(each === 0 || each === 2 * delta[at]));
    }
  });
}

Deno.test("each element is as likely to be kept as any other, and seeds and rows choose their own", async () => {
  const shape: LinearShape = [3000, 10];
  const ones = tensor(new Float32Array(30000).fill(1), shape, "F32");
  const pair = {
    name: "a",
    shape,
    fine: ones,
    base: tensor(new Float32Array(30000), shape, "F32"),
  };
  const kept = async (seed: number) => {
    const form = { kept: 3, seed, type: "F16" };
    const term = { codec: "sampled", form, parts: { values: await sampleElements(pair, form, 1) } };
    return applied(term, shape, new Float32Array(30000));
  };
  const [once, other] = [await kept(1), await kept(2)];
  assert.notDeepEqual(once, other);
  const columns = Array.from(
    { length: 10 },
    (_, column) => once.filter((_, at) => at % 10 === column).reduce((sum, each) => sum + each, 0),
  );
  // Of 3,000 rows 900 keep a column, ± 25 as its standard deviation.
  for (const each of columns) assert.ok(Math.abs(each - 900) < 110, String(columns));
  const rows = new Set(
    Array.from({ length: 3000 }, (_, row) => once.slice(10 * row, 10 * row + 10).join("")),
  );
  assert.equal(rows.size, 120);
});

for (
  const [base, fine] of [["BF16", "BF16"], ["F16", "F16"], ["F32", "F32"], ["BF16", "F32"]] as const
) {
  for (const share of [0, 0.002, 0.2, 1]) {
    Deno.test(`${base} to ${fine}, ${share} of all changed: the fine-tune comes back to the bit`, async () => {
      for (const shape of shapes) {
        const pair = pairOf(shape, base, share, fine);
        // Both zeros, the smallest and the largest numbers, and a sign that turns.
        const strange = [[-0, 0], [0, -0], [2 ** -24, -(2 ** -24)], [65504, -65504], [-1, 1]];
        const [from, to] = [toFloat32(pair.base).slice(), toFloat32(pair.fine).slice()];
        if (share > 0) {
          strange.forEach(([a, b], at) => at < from.length && ([from[at], to[at]] = [a, b]));
        }
        pair.base = tensor(from, shape, base);
        pair.fine = tensor(to, shape, fine);
        const term = await findChanges(pair, 3);
        const found = applied(term, shape, toFloat32(pair.base));
        assert.deepEqual(fromFloat32(found, fine).slice(), pair.fine.bytes.slice());
        const [before, after] = [bits(toFloat32(pair.base)), bits(toFloat32(pair.fine))];
        const differ = before.filter((each, at) => each !== after[at]);
        assert.equal(term.form.changed, differ.length);
      }
    });
  }
}

Deno.test("layers that are compressed at once do not take each other's memory", async () => {
  const pairs = [[8, 40], [300, 700], [900, 1100]].map((shape) =>
    pairOf(shape as [number, number], "BF16", 1)
  );
  const alone: unknown[] = [];
  for (const pair of pairs) {
    alone.push(await findLargest(pair, 50), await findTrits(pair, { largest: 60 }));
  }
  const together = await Promise.all(
    pairs.flatMap((pair) => [findLargest(pair, 50), findTrits(pair, { largest: 60 })]),
  );
  assert.deepEqual(together, alone);
});

Deno.test("few changes are stored by position, many by a mask, at the bytes that the layout counts", async () => {
  const shape: LinearShape = [256, 512];
  const bytes = async (share: number) => {
    const pair = pairOf(shape, "BF16", share);
    const term = await findChanges(pair, 3);
    const stored = Object.values(term.parts).reduce((sum, part) => sum + part.bytes.length, 0);
    assert.equal(layerBytes({ shape, role: "delta", terms: [term] }), stored);
    return [Number(term.form.mask), stored, pair.fine.bytes.length] as const;
  };
  const [few, ofFew, all] = await bytes(0.01);
  assert.equal(few, 0);
  assert.ok(ofFew < all / 60, `${ofFew} of ${all}`);
  const [many] = await bytes(0.9);
  assert.ok(many > 0);
});

Deno.test("positions and planes that no encoder wrote are refused", async () => {
  const shape: LinearShape = [9, 64];
  const pair = pairOf(shape, "BF16", 0.2);
  const sum = () => new Float32Array(9 * 64);
  const { stored } = await findLargest(pair, 20);
  const refuse = (term: Term, message: RegExp) =>
    assert.throws(() => addLayer(kernels, sum(), { shape, terms: [term] }), (error) => {
      assert.ok(error instanceof DeltaError);
      assert.match(error.message, message);
      return true;
    });
  const with_ = (changed: object) => sparseSignsTerm({ ...stored, ...changed }, shape, 20, 1);
  refuse(
    with_({ high: new Uint8Array(stored.high.length) }),
    /positions that the codec 'sparse-signs'/,
  );
  refuse(
    with_({ low: new Uint8Array(stored.low.length).fill(255), high: stored.high.toReversed() }),
    /positions/,
  );
  refuse(with_({ counts: Uint8Array.of(19, 0) }), /positions/);
  const term = await findChanges(pair, 3);
  const { plane0 } = term.parts;
  const broken = { ...plane0, bytes: plane0.bytes.map(() => 1) };
  refuse(
    { ...term, parts: { ...term.parts, plane0: broken } },
    /'plane0' that cannot be decompressed/,
  );
});
