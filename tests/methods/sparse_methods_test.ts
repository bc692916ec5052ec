/** Methods of few numbers: optimal where they say so, exact on what they can hold, and finite on anything. */

import assert from "node:assert/strict";
import { type FloatType, fromFloat32, type RawTensor } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { bitsPerWeight } from "../../lib/delta/delta_size.ts";
import { extractSigns } from "../../lib/delta/extract_job.ts";
import { eigen } from "../../lib/graph/linear_algebra/small_matrix.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { compeft } from "../../lib/methods/compeft.ts";
import { dare } from "../../lib/methods/dare.ts";
import { GroupWork } from "../../lib/methods/group_work.ts";
import { lowRankDelta } from "../../lib/methods/low_rank.ts";
import type { ClosedForm } from "../../lib/methods/method.ts";
import { mixedPrecisionSvd } from "../../lib/methods/mixed_precision_svd.ts";
import { randomSigns } from "../../lib/methods/random_signs.ts";
import { signsAndLowRank } from "../../lib/methods/signs_and_low_rank.ts";
import { ternaryDelta } from "../../lib/methods/ternary.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { completeSettings, type Settings } from "../../lib/util/settings.ts";
import { decodeLayer } from "../codecs/decode_layer.ts";

const engine = onnxEngine({ threads: 1 });
const random = new SeededRandom(31);
const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal());

interface Case {
  readonly shape: LinearShape;
  readonly delta: Float32Array;
  readonly inputs: Float32Array;
}

/** What a method makes of a delta of float32 weights, and the form that it stated. */
async function compressed<S extends Settings>(
  method: ClosedForm<S>,
  { shape, delta, inputs }: Case,
  given: Partial<S> = {},
  dtype: FloatType = "F32",
) {
  const settings = completeSettings(method.settings, given, method.name) as S;
  const tensor = (values: Float32Array): RawTensor => ({
    dtype,
    shape,
    bytes: fromFloat32(values, dtype),
  });
  const [base, fine] = [tensor(new Float32Array(delta.length)), tensor(delta)];
  await using programs = new ProgramCache(engine);
  await using group = new GroupWork();
  const sees = method.sees(settings);
  const fineInputs = sees === "weights" ? null : await engine.place(inputs);
  const signs = await extractSigns(base, fine);
  const layer = {
    name: "a layer",
    shape,
    base,
    fine,
    signs,
    fineInputs,
    compressedInputs: null,
    group,
  };
  const made = await method.compress(layer as never, settings, engine, programs, {});
  fineInputs?.release();
  const stated = method.form({ name: "a layer", shape }, settings);
  assert.deepEqual(
    made.terms.map(({ codec, form }) => ({ codec, form })),
    stated.terms.map(({ codec, form }) => ({ codec, form })),
  );
  const values = decodeLayer(made);
  assert.ok(values.every(Number.isFinite));
  return { made, values, bits: bitsPerWeight({ layers: new Map([["a layer", made]]) }) };
}

/** A Bᵀ of row-major matrices with so many columns, in float64. */
function product(a: ArrayLike<number>, b: ArrayLike<number>, width: number): Float64Array[] {
  const rows = (of: ArrayLike<number>) =>
    Array.from(
      { length: of.length / width },
      (_, at) => Float64Array.from(Array.from(of).slice(at * width, (at + 1) * width)),
    );
  const ofB = rows(b);
  return rows(a).map((x) =>
    Float64Array.from(ofB, (y) => x.reduce((sum, each, at) => sum + each * y[at], 0))
  );
}

/** ‖(Δ − M)F‖² with F Fᵀ = XᵀX / rows + ridge · mean diag · I. */
function weightedError(
  { shape: [, inSize], delta, inputs }: Case,
  values: Float32Array,
  ridge: number,
) {
  const left = delta.map((each, at) => each - values[at]);
  const rows = inputs.length / inSize;
  const square = (of: ArrayLike<number>) =>
    Array.from(of).reduce((sum, each) => sum + each ** 2, 0);
  const seen = product(left, inputs, inSize).reduce((sum, row) => sum + square(row), 0) / rows;
  return seen + ridge * square(inputs) / (rows * inSize) * square(left);
}

/** The least such error of a rank: the trailing eigenvalues of Δ F Fᵀ Δᵀ (Eckart and Young). */
function leastError(
  { shape: [, inSize], delta, inputs }: Case,
  rank: number,
  ridge: number,
): number {
  const rows = inputs.length / inSize;
  const mean = inputs.reduce((sum, each) => sum + each ** 2, 0) / (rows * inSize);
  const seen = product(delta, inputs, inSize);
  const plain = product(delta, delta, inSize);
  const weighted = seen.map((x, i) =>
    Float64Array.from(
      seen,
      (y, j) =>
        x.reduce((sum, each, at) => sum + each * y[at], 0) / rows + ridge * mean * plain[i][j],
    )
  );
  return eigen(weighted).values.slice(rank).reduce((sum, each) => sum + Math.max(0, each), 0);
}

/** Inputs of unlike columns, wide of 40: not whole words. */
function caseOf(shape: LinearShape, rows = 64): Case {
  const inputs = normals(rows * shape[1]).map((each, at) => each * (1 + at % shape[1] % 7));
  return { shape, delta: normals(shape[0] * shape[1]).map((each) => each / 50), inputs };
}

Deno.test("low-rank is the best of its rank on the inputs, and plain the best of all", async () => {
  const given = caseOf([24, 40]);
  for (const bits of [2.2, 4.3]) {
    const { made, values, bits: stored } = await compressed(lowRankDelta, given, { bits });
    const rank = Number(made.terms[0].form.rank);
    assert.equal(rank, Math.floor(bits * 24 * 40 / (16 * 64)));
    assert.ok(stored <= bits);
    const [found, least] = [weightedError(given, values, 0.01), leastError(given, rank, 0.01)];
    assert.ok(found >= least * 0.999 && found <= least * 1.01, `${found}, and ${least} at best`);
    const plain = await compressed(lowRankDelta, given, { bits, whitened: false });
    const identity = {
      ...given,
      inputs: Float32Array.from({ length: 1600 }, (_, at) => at % 41 ? 0 : Math.sqrt(40)),
    };
    const [ofPlain, best] = [
      weightedError(identity, plain.values, 0),
      leastError(identity, rank, 0),
    ];
    assert.ok(ofPlain <= best * 1.01 && ofPlain >= best * 0.999, `${ofPlain}, and ${best} at best`);
    assert.ok(weightedError(given, plain.values, 0.01) > found);
  }
});

Deno.test("a delta of a low rank, and signs beside one, come back", async () => {
  const [left, right] = [normals(24), normals(40)];
  const planted = Float32Array.from(
    { length: 960 },
    (_, at) => left[Math.floor(at / 40)] * right[at % 40] / 100,
  );
  const given = { ...caseOf([24, 40]), delta: planted };
  for (const whitened of [true, false]) {
    const { values } = await compressed(lowRankDelta, given, { bits: 2, whitened });
    values.forEach((each, at) =>
      assert.ok(Math.abs(each - planted[at]) <= 2e-3 * Math.abs(planted[at]) + 1e-6)
    );
    const both = await compressed(signsAndLowRank, given, { bits: 2, whitened });
    assert.ok(
      weightedError(given, both.values, 0) <
        0.7 * weightedError(given, (await compressed(ternaryDelta, given)).values, 0),
    );
  }
  const signs = normals(960).map((each, at) => Math.sign(each) * (1 + Math.floor(at / 40)) / 64);
  const { values } = await compressed(signsAndLowRank, { ...given, delta: signs });
  values.forEach((each, at) => assert.ok(Math.abs(each - signs[at]) < 1e-5));
});

Deno.test("singular vectors of few bits lose less than fewer in 16 bits, at no more bytes", async () => {
  const [left, right] = [normals(96 * 12), normals(12 * 128)];
  const delta = Float32Array.from({ length: 96 * 128 }, (_, at) => {
    const [o, i] = [Math.floor(at / 128), at % 128];
    let sum = 0;
    for (let k = 0; k < 12; k++) sum += left[o * 12 + k] * right[k * 128 + i] / (1 + k) / 50;
    return sum;
  });
  const given = { ...caseOf([96, 128]), delta };
  for (const whitened of [true, false]) {
    const mixed = await compressed(mixedPrecisionSvd, given, { bits: 1, whitened });
    const whole = await compressed(lowRankDelta, given, { bits: 1, whitened });
    assert.ok(mixed.bits <= 1);
    const widths = mixed.made.terms.map(({ form }) => Number(form.bits));
    assert.deepEqual(widths, [8, 3, 2]);
    const ridge = whitened ? 0.01 : 1000;
    assert.ok(
      weightedError(given, mixed.values, ridge) < weightedError(given, whole.values, ridge),
    );
  }
});

Deno.test("scales are those of least squares: a little more or less is worse", async () => {
  const given = caseOf([24, 40]);
  const error = (values: Float32Array, factor: number) =>
    given.delta.reduce((sum, each, at) => sum + (each - factor * values[at]) ** 2, 0);
  for (
    const [method, settings] of [
      [ternaryDelta, { threshold: "mean", scale: "scalar" }],
      [ternaryDelta, { threshold: "median", scale: "row" }],
      [compeft, { density: 0.1 }],
      [randomSigns, {}],
    ] as const
  ) {
    const { values } = await compressed(method as ClosedForm<Settings>, given, settings);
    const best = error(values, 1);
    for (const factor of [0.99, 1.01]) assert.ok(error(values, factor) > best, method.name);
    assert.ok(best < error(values, 0));
  }
});

Deno.test("compeft scales by deviations where it is asked to, and DARE keeps the mean of what it drops", async () => {
  const given = caseOf([64, 400]);
  const { values } = await compressed(compeft, given, { alpha: 2 });
  const mean = given.delta.reduce((sum, each) => sum + each, 0) / given.delta.length;
  const square = given.delta.reduce((sum, each) => sum + (each - mean) ** 2, 0) /
    given.delta.length;
  const largest = values.reduce((most, each) => Math.max(most, each), 0);
  assert.ok(Math.abs(largest - 2 * Math.sqrt(square)) < 1e-6);
  const dropped = await compressed(dare, given, { drop: 0.75 });
  assert.equal(dropped.bits, 4);
  const kept = dropped.values.filter((each) => each !== 0);
  assert.equal(kept.length, 6400);
  dropped.values.forEach((each, at) => {
    const whole = 4 * given.delta[at];
    assert.ok(each === 0 || Math.abs(each - whole) <= 1e-3 * Math.abs(whole) + 1e-7);
  });
  const other = await compressed(dare, given, { drop: 0.75, drawSeed: 2 });
  assert.notDeepEqual(other.values, dropped.values);
});

Deno.test("layers that are compressed at once are those compressed one after another", async () => {
  const cases = [[24, 40], [8, 33], [320, 400]].map((shape) => caseOf(shape as LinearShape));
  for (const method of [ternaryDelta, compeft, dare, randomSigns]) {
    const one = async (given: Case) =>
      (await compressed(method as ClosedForm<Settings>, given)).values;
    const alone = [];
    for (const given of cases) alone.push(await one(given));
    assert.deepEqual(await Promise.all(cases.map(one)), alone, method.name);
  }
});

const methods = [
  mixedPrecisionSvd,
  lowRankDelta,
  signsAndLowRank,
  ternaryDelta,
  compeft,
  dare,
  randomSigns,
];
const degenerate: Record<string, Case> = {
  "no delta": { ...caseOf([8, 33]), delta: new Float32Array(264) },
  "rows of zeros": { ...caseOf([8, 33]), delta: normals(264).fill(0, 33, 99) },
  "dead inputs": { ...caseOf([8, 33]), inputs: new Float32Array(64 * 33) },
  "one token": caseOf([8, 33], 1),
  "one weight": caseOf([1, 1], 2),
  "a single row": caseOf([1, 65]),
};
for (const [name, given] of Object.entries(degenerate)) {
  Deno.test(`${name}: every method is finite, and zeros stay small`, async () => {
    for (const method of methods as unknown as ClosedForm<Settings>[]) {
      for (const variant of Object.values(method.variants).concat({})) {
        const { values } = await compressed(method, given, variant);
        if (given.delta.every((each) => each === 0)) {
          assert.ok(values.every((each) => each === 0), method.name);
        }
      }
    }
  });
}
