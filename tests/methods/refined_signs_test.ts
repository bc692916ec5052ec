/** Signs with vectors: scales at their optimum, signs that no single turn betters, and what is planted found again. */

import assert from "node:assert/strict";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { CompressedLayer } from "../../lib/codecs/codec.ts";
import { borrowed, Matrices } from "../../lib/graph/linear_algebra/matrices.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import type { ClosedForm } from "../../lib/methods/method.ts";
import { refinedSigns } from "../../lib/methods/refined_signs.ts";
import { rowColumn } from "../../lib/methods/row_column.ts";
import { descend } from "../../lib/methods/sign_fitting/descend.ts";
import {
  fitByTurns,
  fitColumns,
  fitRows,
  type SignObjective,
} from "../../lib/methods/sign_fitting/fit_scales.ts";
import type { ScaleKind } from "../../lib/methods/sign_fitting/scaled_signs_matrix.ts";
import { startingSigns } from "../../lib/methods/sign_fitting/start.ts";
import type { TallMatrix } from "../../lib/methods/tall_matrix.ts";
import { completeSettings, type Settings } from "../../lib/util/settings.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { decodeLayer } from "../codecs/decode_layer.ts";
import { plainMatrix } from "../codecs/random_layer.ts";
import { apart, flat, type Matrix, matrixOf } from "../graph/linear_algebra/plain.ts";
import { gpuTest } from "../webgpu/gpu.ts";
import { countingEngine } from "./counting_engine.ts";
import { inSlabs, readSlabs } from "./in_slabs.ts";
import { engine } from "./oracle_pair.ts";
import {
  type LayerNumbers,
  placedLayer,
  plainJ,
  type PlainObjective,
  plainObjective,
  randomLayer,
} from "./plain_objective.ts";

const plain = { sequential: false, ridge: 0 } as const;

/** Compresses by a method with settings that differ from its defaults. */
async function compressed<S extends Settings>(
  on: Engine,
  method: ClosedForm<S>,
  numbers: LayerNumbers,
  given: Partial<S>,
  signal?: AbortSignal,
): Promise<CompressedLayer> {
  const settings = completeSettings(method.settings, { ...given }, "a test") as S;
  await using programs = new ProgramCache(on);
  await using layer = await placedLayer(on, numbers);
  const made = await method.compress(layer, settings, on, programs, { signal });
  const { terms } = method.form(layer, settings);
  assert.deepEqual(made.terms.map(({ codec, form }) => ({ codec, form })), terms);
  return made;
}

/** J of a compressed layer. */
function objectiveOf(objective: PlainObjective, layer: CompressedLayer): number {
  return plainJ(objective, matrixOf(plainMatrix(layer), ...layer.shape));
}

/** α sign(Δ) with α = mean |Δ|. */
function initialMatrix({ delta }: PlainObjective): Matrix {
  const all = delta.flatMap((row) => [...row]);
  const mean = all.reduce((sum, each) => sum + Math.abs(each), 0) / all.length;
  return delta.map((row) => row.map((each) => each < 0 ? -mean : mean));
}

/** An objective on an engine, and signs. */
async function placed(
  on: Engine,
  { c, p, delta }: PlainObjective,
  run: (
    matrices: Matrices,
    objective: SignObjective,
    signs: TallMatrix,
  ) => Promise<void>,
) {
  await using programs = new ProgramCache(on);
  const width = c.length;
  const signs = delta.map((row) => row.map((each) => each < 0 ? -1 : 1));
  const ofC = await on.place(flat(c));
  using ofP = await inSlabs(on, p);
  using ofSigns = await inSlabs(on, signs);
  await run(new Matrices(programs), {
    c: borrowed(ofC, width, width),
    p: ofP,
    squares: Float32Array.from(c, (row, at) => row[at]),
    fallback: 1,
  }, ofSigns);
  ofC.release();
}

/** Scales of a kind at their optimum. */
async function fitted(matrices: Matrices, on: SignObjective, signs: TallMatrix, kind: ScaleKind) {
  const ones = (length: number) => new Float32Array(length).fill(1);
  const [row, column] = [ones(signs.rows), ones(signs.columns)];
  if (kind === "column") return await fitColumns(matrices, on, signs, { row, column });
  const start = await fitRows(matrices, on, signs, column);
  if (kind === "row") return start.scales;
  return (await fitByTurns(matrices, on, signs, start, 200)).scales;
}

function product(signs: Matrix, row: ArrayLike<number>, column: ArrayLike<number>): Matrix {
  return signs.map((each, i) => each.map((sign, j) => row[i] * sign * column[j]));
}

for (const kind of ["row and column", "row", "column"] as const) {
  Deno.test(`J does not fall along any scale, ${kind} fitted`, async () => {
    const objective = plainObjective(randomLayer([9, 13], 40), { sequential: true, ridge: 0.2 });
    await placed(engine, objective, async (matrices, on, ofSigns) => {
      const { row, column } = await fitted(matrices, on, ofSigns, kind);
      const signs = objective.delta.map((each) => each.map((one) => one < 0 ? -1 : 1));
      const at = (vectors: { row: ArrayLike<number>; column: ArrayLike<number> }) =>
        plainJ(objective, product(signs, vectors.row, vectors.column));
      const best = at({ row, column });
      const moving: readonly (readonly [string, Float32Array])[] = [["row", row], [
        "column",
        column,
      ]];
      for (const [name, vector] of moving) {
        if (!kind.includes(name)) continue;
        for (let i = 0; i < vector.length; i++) {
          for (const change of [-0.02, 0.02]) {
            const moved = { row, column, [name]: vector.with(i, vector[i] * (1 + change)) };
            assert.ok(at(moved) > best, `${name} ${i}`);
          }
        }
      }
    });
  });
}

Deno.test("no round raises J, and after the last no turn of a single sign lowers it", async () => {
  const objective = plainObjective(randomLayer([7, 70], 90, 3), { sequential: true, ridge: 0.2 });
  await placed(engine, objective, async (matrices, on, start) => {
    let before = Infinity;
    for (const rounds of [0, 1, 2, 3, 50]) {
      const task = { ...on, aim: start, delta: null };
      const first = await startingSigns(matrices, task, "row and column");
      using found = await descend(matrices, on, first, rounds);
      const { scales: { row, column }, signs } = found;
      const made = product(await readSlabs(engine, signs), row, column);
      const after = plainJ(objective, made);
      assert.ok(after <= before + 1e-6 * Math.abs(after), `${rounds}: ${before} to ${after}`);
      if (rounds === 1) assert.ok(after < 1.05 * before, "the first round lowers it");
      before = after;
      if (rounds < 50) continue;
      for (const [i, of] of made.entries()) {
        for (const j of of.keys()) {
          const turned = made.with(i, of.with(j, -of[j]));
          assert.ok(plainJ(objective, turned) > after - 1e-6 * Math.abs(after), `${i}, ${j}`);
        }
      }
    }
  });
});

Deno.test("the signs of a small row are nearly always the best that there are", async () => {
  let best = 0;
  for (let seed = 0; seed < 10; seed++) {
    const numbers = randomLayer([1, 7], 20, seed);
    const objective = plainObjective(numbers, plain);
    const layer = await compressed(engine, refinedSigns, numbers, plain);
    const column = Float64Array.from(plainMatrix(layer), Math.abs);
    const all = Array.from(
      { length: 2 ** 7 },
      (_, bits) => plainJ(objective, [column.map((each, j) => bits >> j & 1 ? each : -each)]),
    );
    const found = objectiveOf(objective, layer);
    if (found <= Math.min(...all) + 1e-9) best++;
  }
  assert.ok(best >= 8, `${best} of 10`);
});

const gptq = refinedSigns.variants.gptq;

/** Methods, and one of another search, each with settings that make it so. */
const cases: readonly (readonly [string, ClosedForm<Settings>, Partial<Settings>])[] = [
  [rowColumn.name, rowColumn as ClosedForm<Settings>, {}],
  [refinedSigns.name, refinedSigns as ClosedForm<Settings>, {}],
  [`${refinedSigns.name}, gptq`, refinedSigns as ClosedForm<Settings>, gptq],
];

for (const [label, method, given] of cases) {
  Deno.test(`${label}: a delta that is rows times signs times columns is returned`, async () => {
    const shape: LinearShape = [6, 45];
    const random = new SeededRandom(4);
    const row = Float64Array.from({ length: 6 }, () => 1e-4 * (0.5 + random.uniform()));
    const column = Float64Array.from({ length: 45 }, () => 0.5 + random.uniform());
    const fine = flat(
      matrixOf(
        Float64Array.from({ length: 6 * 45 }, () => random.uniform() < 0.5 ? -1 : 1),
        ...shape,
      )
        .map((each, i) => each.map((sign, j) => sign * row[i] * column[j])),
    );
    const numbers = { ...randomLayer(shape, 100), base: new Float32Array(fine.length), fine };
    const found = decodeLayer(await compressed(engine, method, numbers, { ...given, ...plain }));
    assert.deepEqual(found.map(Math.sign), fine.map(Math.sign));
    const error = apart(matrixOf(found, ...shape), matrixOf(fine, ...shape));
    // 16-bit floats have 11 bits.
    assert.ok(error < 4e-4, `${error}`);
  });

  const degenerate: Record<string, (numbers: LayerNumbers) => void> = {
    "rows without a delta": ({ base, fine }) => fine.set(base.subarray(0, 40)),
    "no delta": ({ base, fine }) => fine.set(base),
    "dead inputs": ({ fineInputs, compressedInputs }) => {
      for (const inputs of [fineInputs, compressedInputs]) {
        inputs.forEach((_, at) => at % 20 < 3 && (inputs[at] = 0));
      }
    },
    "no inputs but zeros": ({ fineInputs, compressedInputs }) => {
      fineInputs.fill(0);
      compressedInputs.fill(0);
    },
    "tiny deltas": ({ base, fine }) =>
      fine.forEach((each, at) => fine[at] = each * 1e-9 + (base[at] = 0)),
    "many tokens": () => {},
  };
  for (const [name, change] of Object.entries(degenerate)) {
    for (const tokens of name === "many tokens" ? [1, 5, 60] : [30]) {
      Deno.test(`${label}: ${name}, ${tokens}: finite, and no worse than initial`, async () => {
        const numbers = randomLayer([5, 20], tokens, 2);
        change(numbers);
        for (const sequential of [false, true]) {
          for (const ridge of [0, 0.2]) {
            const objective = plainObjective(numbers, { sequential, ridge });
            const layer = await compressed(engine, method, numbers, {
              ...given,
              sequential,
              ridge,
            });
            const found = objectiveOf(objective, layer);
            const most = plainJ(objective, initialMatrix(objective));
            assert.ok(plainMatrix(layer).every(Number.isFinite));
            const bound = most + 1e-6 * Math.abs(most) + Number.MIN_VALUE;
            assert.ok(found <= bound, `${sequential}, ${ridge}: ${found} against ${most}`);
          }
        }
      });
    }
  }

  gpuTest(`${label}: the same signs as on the CPU, and scales`, async (gpu) => {
    const numbers = randomLayer([40, 75], 200, 5);
    for (const sequential of [false, true]) {
      const [one, other] = [
        decodeLayer(await compressed(engine, method, numbers, { ...given, sequential })),
        decodeLayer(await compressed(gpu, method, numbers, { ...given, sequential })),
      ];
      const differing = one.filter((each, at) => Math.sign(each) !== Math.sign(other[at])).length;
      assert.ok(differing <= one.length / 500, `${differing} signs`);
      const settings = { sequential, ridge: 0.2 };
      const objective = plainObjective(numbers, settings);
      const [a, b] = [one, other].map((each) => plainJ(objective, matrixOf(each, 40, 75)));
      assert.ok(Math.abs(a - b) < 1e-4 * Math.abs(a), `${a} and ${b}`);
    }
  });

  Deno.test(`${label}: nothing is left on an engine, whichever work fails`, async () => {
    const numbers = randomLayer([4, 6], 20);
    const more = method.name === refinedSigns.name ? { masks: 2, rounds: 2 } : {};
    const settings = { ...given, ...more, sequential: true };
    const run = (on: Engine) => compressed(on, method, numbers, settings);
    const counted = countingEngine(engine);
    await run(counted.engine);
    assert.equal(counted.held.placed, 0);
    for (let failing = 2; failing < counted.held.works; failing += 7) {
      const { engine: on, held } = countingEngine(engine, failing);
      await assert.rejects(run(on), /a failing device/);
      assert.deepEqual([held.placed, held.programs], [0, 0], `work ${failing}`);
    }
  });
}

Deno.test("each mask takes what those before have left", async () => {
  const numbers = randomLayer([20, 30], 200);
  const objective = plainObjective(numbers, { sequential: true, ridge: 0.2 });
  const reached = [];
  for (const masks of [1, 2, 3]) {
    reached.push(
      objectiveOf(objective, await compressed(engine, refinedSigns, numbers, { masks })),
    );
  }
  const least = plainJ(objective, objective.delta);
  const [one, two, three] = reached.map((each) => each - least);
  assert.ok(two < 0.5 * one && three < 0.5 * two, `${one}, ${two}, ${three}`);
});

Deno.test("it is stopped within a layer, and tells of its rounds", async () => {
  const controller = new AbortController();
  const settings = completeSettings(refinedSigns.settings, {}, "a test") as Parameters<
    typeof refinedSigns.compress
  >[1];
  await using programs = new ProgramCache(engine);
  await using layer = await placedLayer(engine, randomLayer([20, 30], 50));
  const labels: string[] = [];
  const made = refinedSigns.compress(layer, settings, engine, programs, {
    signal: controller.signal,
    onProgress({ done, total, label }) {
      labels.push(`${label} ${done} of ${total}`);
      controller.abort(new Error("enough"));
    },
  });
  await assert.rejects(made, /enough/);
  assert.deepEqual(labels, ["round 1 of 6"]);
});
