/** The method `double-binary` against its objective in float64, planted factors and degenerate layers. */

import assert from "node:assert/strict";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { doubleBinary as codec } from "../../lib/codecs/double_binary.ts";
import { bitsPerWeight } from "../../lib/delta/delta_size.ts";
import {
  borrowed,
  Matrices,
  type Matrix as Placed,
} from "../../lib/graph/linear_algebra/matrices.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import {
  balanced,
  type Factors,
  type FactorScales,
} from "../../lib/methods/double_binary/factors.ts";
import { polish, withRowsFitted } from "../../lib/methods/double_binary/polish.ts";
import {
  doubleBinary,
  type DoubleBinarySettings,
  innerSigns,
} from "../../lib/methods/double_binary.ts";
import { completeSettings } from "../../lib/util/settings.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import {
  flat,
  type Matrix,
  matrixOf,
  normalMatrix,
  product,
  secondMoments,
  transposed,
} from "../graph/linear_algebra/plain.ts";
import { countingEngine } from "./counting_engine.ts";
import { inSlabs } from "./in_slabs.ts";
import { engine } from "./oracle_pair.ts";
import {
  type LayerNumbers,
  placedLayer,
  plainJ,
  plainObjective,
  randomLayer,
} from "./plain_objective.ts";

function settingsOf(given: Partial<DoubleBinarySettings> = {}): DoubleBinarySettings {
  const quick = { startRounds: 12, polishRounds: 4, ...given };
  return completeSettings(doubleBinary.settings, quick, "a test") as DoubleBinarySettings;
}

/** Â of a layer as it is stored. */
async function compressed(
  numbers: LayerNumbers,
  settings: DoubleBinarySettings,
  on: Engine = engine,
): Promise<Matrix> {
  const { shape } = numbers;
  await using programs = new ProgramCache(on);
  await using layer = await placedLayer(on, numbers);
  const made = await doubleBinary.compress(layer, settings, on, programs, {});
  const [term] = made.terms;
  assert.deepEqual({ role: made.role, terms: [{ codec: term.codec, form: term.form }] }, {
    ...doubleBinary.form({ name: "layer", shape }, settings),
  });
  for (const name of ["row", "middle", "column"]) {
    assert.ok(toFloat32(term.parts[name]).every((each) => each >= 0), name);
  }
  return matrixOf(codec.decode(term.parts, shape, term.form), ...shape);
}

/** J of mean|Δ| · sign(Δ). */
function initialJ(objective: ReturnType<typeof plainObjective>): number {
  const values = objective.delta.flatMap((row) => [...row]);
  const scale = values.reduce((sum, each) => sum + Math.abs(each), 0) / values.length;
  return plainJ(
    objective,
    objective.delta.map((row) => row.map((each) => each < 0 ? -scale : scale)),
  );
}

interface PlainFactors {
  readonly left: Matrix;
  readonly right: Matrix;
  readonly scales: FactorScales;
}

/** Random signs and scales of a matrix `[rows, width]`. */
function randomFactors(
  [rows, width]: readonly [number, number],
  inner: number,
  seed: number,
): PlainFactors {
  const random = new SeededRandom(seed);
  const signs = (count: number) =>
    normalMatrix(count, inner, random.integer(1000)).map((row) =>
      row.map((each) => each < 0 ? -1 : 1)
    );
  const scales = (count: number) =>
    Float32Array.from({ length: count }, () => 0.5 + random.uniform());
  return {
    left: signs(rows),
    right: signs(width),
    scales: { row: scales(rows), middle: scales(inner), column: scales(width) },
  };
}

/** diag(r) L diag(m) Rᵀ diag(c). */
function dense({ left, right, scales: { row, middle, column } }: PlainFactors): Matrix {
  return product(left.map((signs) => signs.map((s, j) => s * middle[j])), transposed(right))
    .map((values, o) => values.map((each, i) => row[o] * each * column[i]));
}

async function placedFactors({ left, right, scales }: PlainFactors): Promise<Factors> {
  const [l, r] = await Promise.all([left, right].map(onEngine));
  return { left: l, right: r, scales, [Symbol.dispose]() {} };
}

async function onEngine(matrix: Matrix): Promise<Placed> {
  return borrowed(await engine.place(flat(matrix)), matrix.length, matrix[0].length);
}

async function readFactors({ left, right, scales }: Factors): Promise<PlainFactors> {
  const [l, r] = await engine.read([left.placed, right.placed]);
  const of = (values: ArrayLike<number>, { rows, columns }: Placed) =>
    matrixOf(values, rows, columns);
  return { left: of(l, left), right: of(r, right), scales };
}

async function quadraticOf({ c, p }: { readonly c: Matrix; readonly p: Matrix }) {
  const meanSquare = c.reduce((sum, row, i) => sum + row[i], 0) / c.length;
  return { c: await onEngine(c), p: await inSlabs(engine, p), meanSquare };
}

Deno.test("planted factors are kept to the sign, with their product", async () => {
  await using programs = new ProgramCache(engine);
  const matrices = new Matrices(programs);
  const planted = randomFactors([20, 33], 7, 1);
  const c = secondMoments(33, 2);
  const quadratic = await quadraticOf({ c, p: product(dense(planted), c) });
  using found = await polish(matrices, quadratic, await placedFactors(planted), 3);
  const kept = await readFactors(found);
  assert.deepEqual([kept.left, kept.right], [planted.left, planted.right]);
  const [expected, values] = [dense(planted), dense(kept)];
  values.forEach((row, o) =>
    row.forEach((each, i) => assert.ok(Math.abs(each - expected[o][i]) < 1e-4, `${o}, ${i}`))
  );
});

Deno.test("J never rises in a round of the polish, and is what is told", async () => {
  await using programs = new ProgramCache(engine);
  const matrices = new Matrices(programs);
  const plain = { c: secondMoments(33, 5), p: normalMatrix(20, 33, 6) };
  const quadratic = await quadraticOf(plain);
  // More inner signs than rows, so that systems are singular but for what holds them.
  for (const inner of [1, 6, 25]) {
    const start = randomFactors([20, 33], inner, 3);
    let before = Infinity;
    let made = await withRowsFitted(matrices, quadratic, await placedFactors(start));
    for (let round = 0; round < 5; round++) {
      const now = plainJ(plain, dense(await readFactors(made)));
      assert.ok(Math.abs(now - made.objective) < 1e-4 * Math.abs(now), `${now}, ${made.objective}`);
      assert.ok(now <= before + 1e-6 * Math.abs(now), `${inner}, ${round}: ${now} after ${before}`);
      before = now;
      made = await polish(matrices, quadratic, made, 2);
    }
  }
});

Deno.test("scales are where J is least: moving one of them raises it", async () => {
  await using programs = new ProgramCache(engine);
  const plain = { c: secondMoments(12, 5), p: normalMatrix(8, 12, 6) };
  const start = await placedFactors(randomFactors([8, 12], 3, 3));
  // Scales alone, again and again, come to rest.
  using found = await polish(new Matrices(programs), await quadraticOf(plain), start, 1);
  let factors = await readFactors(found);
  for (let again = 0; again < 60; again++) {
    using next = await polish(
      new Matrices(programs),
      await quadraticOf(plain),
      await placedFactors(factors),
      1,
    );
    factors = await readFactors(next);
  }
  const least = plainJ(plain, dense(factors));
  for (const name of ["row", "middle", "column"] as const) {
    for (const at of factors.scales[name].keys()) {
      const [up, down] = [1e-2, -1e-2].map((step) => {
        const moved = factors.scales[name].slice();
        moved[at] *= 1 + step;
        return plainJ(plain, dense({ ...factors, scales: { ...factors.scales, [name]: moved } }));
      });
      const slope = (up - down) / 2;
      assert.ok(
        Math.abs(slope) <= 0.02 * (up + down - 2 * least) + 1e-6,
        `${name} ${at}: ${slope}`,
      );
    }
  }
});

Deno.test("scales are balanced without a change of their product", () => {
  const scales = {
    row: Float32Array.of(1024, 0, 4096),
    middle: Float32Array.of(2 ** -20),
    column: Float32Array.of(1, 3),
  };
  const { row, middle, column } = balanced(scales);
  row.forEach((r, o) =>
    column.forEach((c, i) =>
      assert.equal(r * middle[0] * c, scales.row[o] * scales.middle[0] * scales.column[i])
    )
  );
  for (const each of [...row, ...middle, ...column]) {
    assert.ok(each === 0 || each > 2 ** -6 && each < 16, `${each}`);
  }
});

const odd = randomLayer([20, 33], 90);

/** Layers that something is wrong with. */
const degenerate: Record<string, LayerNumbers> = {
  "zero rows": { ...odd, fine: odd.fine.map((each, at) => at < 66 ? odd.base[at] : each) },
  "dead inputs": {
    ...odd,
    fineInputs: odd.fineInputs.map((each, at) => at % 33 < 4 ? 0 : each),
    compressedInputs: odd.compressedInputs.map((each, at) => at % 33 < 4 ? 0 : each),
  },
  "fewer tokens than inputs": randomLayer([20, 33], 9),
  "one token": randomLayer([20, 33], 1),
  "inputs that are all zero": {
    ...odd,
    fineInputs: odd.fineInputs.map(() => 0),
    compressedInputs: odd.compressedInputs.map(() => 0),
  },
};

for (const [name, numbers] of Object.entries(degenerate)) {
  for (const given of [{ sequential: true }, { sequential: false, ridge: 0 }]) {
    const label = given.sequential ? "sequential" : "plain, without a ridge";
    Deno.test(`${name}, ${label}: finite, and no worse than one scale`, async () => {
      const settings = settingsOf({ ...given, bits: 1.5 });
      const objective = plainObjective(numbers, settings);
      const found = await compressed(numbers, settings);
      assert.ok(found.every((row) => row.every(Number.isFinite)));
      const [j, ofInitial] = [plainJ(objective, found), initialJ(objective)];
      assert.ok(j <= Math.min(0, ofInitial) + 1e-9, `${j}, ${ofInitial}`);
    });
  }
}

Deno.test("a layer without a delta is stored as zeros", async () => {
  const numbers = { ...odd, fine: odd.base };
  const found = await compressed(numbers, settingsOf({ sequential: false }));
  assert.ok(found.every((row) => row.every((each) => each === 0)));
});

Deno.test("the smallest matrices and the fewest bits leave one inner sign", async () => {
  const cases: [LinearShape, number][] = [[[1, 1], 1], [[2, 3], 0.05], [[20, 33], 0.05]];
  for (const [shape, bits] of cases) {
    const settings = settingsOf({ bits, vectors: "counted" });
    assert.equal(innerSigns(shape, settings), 1);
    const numbers = randomLayer(shape, 40);
    const found = await compressed(numbers, settings);
    assert.ok(plainJ(plainObjective(numbers, settings), found) < 0, `${shape}`);
  }
});

Deno.test("more bits come nearer, beyond as many inner signs as rows", async () => {
  let before = 0;
  for (const bits of [0.5, 1, 2]) {
    const settings = settingsOf({ bits });
    const j = plainJ(plainObjective(odd, settings), await compressed(odd, settings));
    assert.ok(j < before, `${bits}: ${j}`);
    before = j;
  }
  assert.ok(innerSigns(odd.shape, settingsOf({ bits: 2 })) > 16);
});

Deno.test("bits are those of the file: k(m + n) + 16(m + n + k), the sides' own on top or counted", () => {
  const shape: LinearShape = [4096, 4096];
  for (const bits of [0.1, 0.5, 1, 2]) {
    for (const vectors of ["counted", "on top"] as const) {
      const form = doubleBinary.form(
        { name: "a", shape: [...shape] },
        settingsOf({ bits, vectors }),
      );
      const layers = new Map([["a", { ...form, shape }]]);
      const sides = vectors === "counted" ? 0 : 16 * 8192 / 4096 ** 2;
      const found = bitsPerWeight({ layers });
      assert.ok(Math.abs(found - bits - sides) < 3e-4, `${bits}, ${vectors}: ${found}`);
    }
  }
});

Deno.test("seeds decide, and nothing else", async () => {
  const run = (startSeed: number) => compressed(odd, settingsOf({ startSeed }));
  const [first, again, other] = [await run(1), await run(1), await run(2)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
});

Deno.test("nothing is left on an engine, whichever work fails", async () => {
  const numbers = randomLayer([3, 5], 12);
  const settings = settingsOf({ startRounds: 1, polishRounds: 2 });
  const whole = countingEngine(engine);
  await compressed(numbers, settings, whole.engine);
  assert.equal(whole.held.placed, 0);
  for (let failing = 2; failing < whole.held.works; failing += 29) {
    const { engine: on, held } = countingEngine(engine, failing);
    await assert.rejects(compressed(numbers, settings, on), /a failing device/);
    assert.equal(held.placed, 0, `work ${failing} of ${whole.held.works}`);
  }
});
